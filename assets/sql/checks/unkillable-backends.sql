SELECT format('process %s of %I (%s)', a.pid, a.usename, a.application_name) AS what
FROM pg_stat_activity a
JOIN pg_roles r ON r.oid = a.usesysid
JOIN pg_roles me ON me.rolname = current_user
WHERE NOT me.rolsuper AND r.rolsuper AND a.usename <> 'rdsadmin'
  AND a.datname = ANY ({databases}) AND coalesce(a.backend_type, 'client backend') = 'client backend'
ORDER BY a.pid
