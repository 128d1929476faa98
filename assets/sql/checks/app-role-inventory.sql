SELECT format('%I (%s sessions)', r.rolname,
              (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid AND a.backend_type = 'client backend')) AS what
FROM pg_roles r
WHERE r.rolcanlogin AND r.rolname !~ '^(rds|pg_)'
  AND r.rolname NOT IN (current_user, {replication_role})
  AND r.rolname <> ALL ({fence}) AND r.rolname <> ALL ({ignore})
  AND EXISTS (SELECT FROM pg_database d
              WHERE d.datname = ANY ({databases}) AND has_database_privilege(r.oid, d.oid, 'CONNECT'))
ORDER BY r.rolname
