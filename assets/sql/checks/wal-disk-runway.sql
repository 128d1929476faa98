SELECT pg_current_wal_lsn() AS lsn, extract(epoch FROM clock_timestamp())::float8 AS at,
       (SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0)::bigint
        FROM pg_replication_slots WHERE restart_lsn IS NOT NULL) AS retained
