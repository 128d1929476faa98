SELECT format('process %s in %I (role %s, %s, %s s old)', a.pid, a.datname, coalesce(quote_ident(a.usename), '?'), a.state,
              round(extract(epoch FROM clock_timestamp() - a.xact_start))) AS what
FROM pg_stat_activity a
WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid()
  AND a.application_name NOT LIKE 'greenlight:%'
  AND extract(epoch FROM clock_timestamp() - a.xact_start) > {longest}
ORDER BY a.xact_start
