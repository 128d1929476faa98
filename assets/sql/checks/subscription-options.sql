SELECT s.subslotname AS slot, s.subpublications = ARRAY[{publication}::text] AS publication_fits, false AS binary_copy,
       true AS streams, false AS two_phase
FROM pg_subscription s
WHERE s.subname = {subscription} AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
