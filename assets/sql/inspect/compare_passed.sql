SELECT count(*) AS links,
       count(*) FILTER (WHERE s.active) AS active,
       count(r.replay_lsn) AS seen,
       min(r.replay_lsn) AS applied
  FROM pg_replication_slots s
  LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid
 WHERE s.slot_type = 'logical' AND s.database = current_database() AND s.slot_name = ANY ({slots})
