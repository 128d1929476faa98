-- NULL until the standby has answered for the first time: not taken for close, however little there is.
SELECT CASE WHEN replay_lsn IS NULL THEN format('%s has not said yet what it has replayed', application_name)
            ELSE format('%s is %s behind', application_name, pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))) END AS what
  FROM pg_stat_replication
 WHERE application_name !~ '^pg_(basebackup|receivewal|recvlogical|rewind)'
   AND coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) > {lag}, true)
 ORDER BY 1
