SELECT format('%I (%s sessions%s)', r.rolname,
              (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid AND a.backend_type = 'client backend'),
              coalesce(', may become ' || becomes.roles, '')) AS what
FROM pg_roles r
CROSS JOIN LATERAL (SELECT string_agg(quote_ident(f.rolname), ', ' ORDER BY f.rolname) AS roles
                    FROM pg_roles f
                    WHERE f.rolname = ANY ({fence}) AND NOT r.rolsuper AND pg_has_role(r.oid, f.oid, 'MEMBER')) AS becomes
WHERE r.rolcanlogin AND r.rolname !~ '^(rds|pg_)'
  AND r.rolname NOT IN (current_user, {replication_role})
  AND r.rolname <> ALL ({fence}) AND (r.rolname <> ALL ({ignore}) OR becomes.roles IS NOT NULL)
  AND EXISTS (SELECT FROM pg_database d
              WHERE d.datname = ANY ({databases}) AND has_database_privilege(r.oid, d.oid, 'CONNECT'))
ORDER BY r.rolname
