SELECT s.subenabled AS enabled, t.pid, extract(epoch FROM clock_timestamp() - a.backend_start)::float8 AS age,
       extract(epoch FROM clock_timestamp() - t.last_msg_receipt_time)::float8 AS silence
FROM pg_subscription s
JOIN pg_stat_subscription t ON t.subname = s.subname AND t.relid IS NULL
LEFT JOIN pg_stat_activity a ON a.pid = t.pid
WHERE s.subname = {subscription} AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY t.pid NULLS LAST
LIMIT 1
