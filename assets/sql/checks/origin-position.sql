SELECT s.subenabled AS enabled, o.remote_lsn
FROM pg_stat_subscription t
JOIN pg_subscription s ON s.subname = t.subname AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
LEFT JOIN pg_replication_origin_status o ON o.external_id = 'pg_' || t.subid
WHERE t.subid = (SELECT s.oid FROM pg_subscription s WHERE s.subname = {subscription} AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())) AND t.relid IS NULL
LIMIT 1
