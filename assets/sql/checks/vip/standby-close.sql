SELECT format('%s is %s behind', application_name,
              pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(replay_lsn, '0/0')))) AS what
  FROM pg_stat_replication
 WHERE application_name !~ '^pg_(basebackup|receivewal|recvlogical|rewind)'
   AND pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(replay_lsn, '0/0')) > {lag}
 ORDER BY 1
