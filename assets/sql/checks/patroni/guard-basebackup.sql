SELECT application_name || ' (pid ' || pid || ')' AS what
  FROM pg_stat_activity
 WHERE backend_type = 'walsender' AND application_name ~* '(basebackup|barman|backrest|wal-g)'
