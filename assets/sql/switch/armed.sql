SELECT pid
  FROM pg_stat_activity
 WHERE application_name LIKE 'greenlight:%:standing' AND usename = current_user
