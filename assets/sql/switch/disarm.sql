SELECT pid, pg_terminate_backend(pid) AS ended
  FROM pg_stat_activity
 WHERE application_name LIKE 'greenlight:%:standing' AND usename = current_user AND pid <> pg_backend_pid()
