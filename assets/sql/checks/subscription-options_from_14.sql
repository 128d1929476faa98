SELECT s.subslotname AS slot, s.subpublications = ARRAY[{publication}::text] AS publication_fits, s.subbinary AS binary_copy,
       s.substream::text NOT IN ('f', 'false') AS streams, false AS two_phase
FROM pg_subscription s
WHERE s.subname = {subscription} AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
