SELECT format('process %s in %I (role %I, idle for %s s)', pid, datname, usename,
              round(extract(epoch FROM clock_timestamp() - state_change))) AS what
FROM pg_stat_activity
WHERE state LIKE 'idle in transaction%' AND application_name NOT LIKE 'greenlight:%'
  AND extract(epoch FROM clock_timestamp() - state_change) > {longest}
ORDER BY state_change
