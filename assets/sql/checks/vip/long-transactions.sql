SELECT format('process %s of %s (%s), since %s', pid, usename, application_name, date_trunc('second', xact_start)) AS what
  FROM pg_stat_activity
 WHERE backend_type = 'client backend' AND xact_start < clock_timestamp() - make_interval(secs => {longest})
   AND application_name NOT LIKE 'greenlight:%'
 ORDER BY xact_start
