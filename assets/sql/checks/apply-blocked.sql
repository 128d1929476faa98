SELECT format('apply worker %s waits for process %s', a.pid, array_to_string(pg_blocking_pids(a.pid), ', ')) AS what
FROM pg_stat_activity a
WHERE a.pid IN (SELECT pid FROM pg_stat_subscription WHERE pid IS NOT NULL) AND pg_blocking_pids(a.pid) <> '{}'
ORDER BY a.pid
