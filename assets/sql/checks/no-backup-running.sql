SELECT format('process %s (%s)', pid, application_name) AS what
FROM pg_stat_activity
WHERE backend_type = 'walsender' AND application_name ~* '(basebackup|barman|backrest|wal-g)'
ORDER BY pid
