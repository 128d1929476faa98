SELECT other.pid, pg_terminate_backend(other.pid) AS ended
  FROM pg_stat_activity AS other
  JOIN pg_stat_activity AS mine ON mine.pid = pg_backend_pid()
 WHERE other.pid <> mine.pid
   AND other.datname = mine.datname
   AND other.usename = mine.usename
   AND other.application_name = mine.application_name
   AND other.backend_start <= mine.backend_start
   AND {pid} IN (0, other.pid)
