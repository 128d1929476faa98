SELECT pg_catalog.pg_current_wal_lsn() AS wal, s.confirmed_flush_lsn AS confirmed, s.restart_lsn AS kept_from,
       coalesce(s.active, false) AS active,
       (extract(epoch FROM coalesce(r.replay_lag, r.flush_lag)) * 1000)::bigint AS lag_ms
FROM (SELECT 1) AS one
LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = {slot}
LEFT JOIN pg_catalog.pg_stat_replication r ON r.pid = s.active_pid
