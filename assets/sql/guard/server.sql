SELECT s.in_recovery,
       CASE WHEN s.in_recovery THEN pg_last_wal_receive_lsn() END AS received,
       CASE WHEN s.in_recovery THEN pg_last_wal_replay_lsn() END AS replayed,
       CASE WHEN NOT s.in_recovery THEN pg_current_wal_lsn() END AS written,
       CASE WHEN s.in_recovery THEN pg_is_wal_replay_paused() ELSE false END AS paused,
       CASE WHEN s.in_recovery THEN (SELECT r.received_tli FROM pg_stat_wal_receiver r)
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline,
       (SELECT r.status = 'streaming' FROM pg_stat_wal_receiver r) AS streaming,
       (SELECT g.setting FROM pg_settings g WHERE g.name = 'recovery_min_apply_delay') AS delay_ms,
       current_setting('config_file') AS config_file
  FROM (SELECT pg_is_in_recovery() AS in_recovery) AS s
