SELECT current_setting('log_statement') AS log_statement, current_setting('log_min_error_statement') AS log_errors,
       current_setting('log_min_duration_statement') <> '-1' AS log_slow,
       current_setting('shared_preload_libraries') ~ 'pgaudit' AS pgaudit,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS may_be_quiet
