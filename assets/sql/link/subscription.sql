SELECT s.oid,
       s.subenabled AS enabled,
       (SELECT o.remote_lsn FROM pg_replication_origin_status o WHERE o.external_id = 'pg_' || s.oid) AS origin,
       obj_description(s.oid, 'pg_subscription') AS mark,
       (SELECT w.pid FROM pg_stat_subscription w WHERE w.subid = s.oid AND w.relid IS NULL AND w.pid IS NOT NULL LIMIT 1) AS worker
  FROM pg_subscription s
 WHERE s.subname = {name}
   AND s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
