SELECT r.state, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                                r.replay_lsn)::bigint AS behind
  FROM pg_stat_replication r
 WHERE r.application_name = {application}
    OR r.pid IN (SELECT s.active_pid FROM pg_replication_slots s WHERE s.slot_name = {slot})
