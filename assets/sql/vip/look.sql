SELECT pg_is_in_recovery() AS standby,
       CASE WHEN pg_is_in_recovery()
            THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver WHERE status = 'streaming'),
                          nullif((SELECT min_recovery_end_timeline FROM pg_control_recovery()), 0),
                          (SELECT timeline_id FROM pg_control_checkpoint()))
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS position,
       (SELECT status FROM pg_stat_wal_receiver) AS receiver,
       (SELECT count(*) FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND application_name NOT LIKE 'greenlight:%') AS sessions,
       (SELECT format('pid %s (%s) is in a transaction since %s', pid, application_name, date_trunc('second', xact_start))
          FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND application_name NOT LIKE 'greenlight:%'
           AND xact_start < clock_timestamp() - make_interval(secs => {longest})
         ORDER BY xact_start LIMIT 1) AS long_transaction,
       (SELECT to_jsonb(s)->>'wal_status' FROM pg_replication_slots s WHERE s.slot_name = {slot}) AS slot_status,
       (SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                               s.restart_lsn)::bigint
          FROM pg_replication_slots s WHERE s.slot_name = {slot}) AS slot_kept
