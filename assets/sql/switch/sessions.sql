SELECT {columns}
  FROM pg_stat_activity a
 WHERE a.pid <> pg_backend_pid()
   AND a.usename <> ALL ({ignore})
   AND (a.usename = ANY ({roles})
        OR EXISTS (SELECT FROM pg_roles l, pg_roles f
                    WHERE l.oid = a.usesysid AND NOT l.rolsuper
                      AND f.rolname = ANY ({roles}) AND pg_has_role(l.oid, f.oid, 'MEMBER')))
