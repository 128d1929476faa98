SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn)::bigint AS lag,
       coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn), pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn))::bigint AS unapplied,
       s.active,
       coalesce(o.age, 0) AS oldest_transaction_s,
       o.usename AS oldest_role
  FROM pg_replication_slots s
  LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid
  LEFT JOIN LATERAL (
       SELECT extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age, a.usename
         FROM pg_stat_activity a
        WHERE a.xact_start IS NOT NULL AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
        ORDER BY a.xact_start LIMIT 1) o ON true
 WHERE s.slot_name = {slot}
