SELECT format('process %s of %I from %s (%s)', pid, usename, coalesce(host(client_addr), 'this host'), application_name) AS what
FROM pg_stat_activity
WHERE datname = ANY ({databases}) AND pid <> pg_backend_pid() AND coalesce(backend_type, 'client backend') = 'client backend'
  AND usename NOT IN ('rdsadmin', current_user) AND coalesce(application_name, '') NOT LIKE 'greenlight:%'
ORDER BY pid
