SELECT format('role %I', r.rolname) AS ident,
       concat_ws(' ', CASE WHEN r.rolsuper THEN 'superuser' END, CASE WHEN r.rolinherit THEN 'inherit' END,
                 CASE WHEN r.rolcreaterole THEN 'createrole' END, CASE WHEN r.rolcreatedb THEN 'createdb' END,
                 CASE WHEN r.rolcanlogin AND r.rolname <> ALL ({fence}) THEN 'login' END,
                 CASE WHEN r.rolreplication THEN 'replication' END, CASE WHEN r.rolbypassrls THEN 'bypassrls' END,
                 'limit ' || r.rolconnlimit, 'until ' || r.rolvaliduntil::text,
                 'member of ' || (SELECT string_agg(DISTINCT quote_ident(g.rolname), ', ') FROM pg_auth_members m
                                  JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid)) AS def
FROM pg_roles r
WHERE r.rolname !~ '^(pg_|rds)'
UNION ALL
SELECT format('schema %I', n.nspname),
       (SELECT string_agg(grantee || ' ' || privilege, ', ' ORDER BY grantee, privilege)
        FROM (SELECT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee)::text END AS grantee,
                     x.privilege_type AS privilege
              FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS x) AS granted)
FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
UNION ALL
SELECT format('default privileges of %I in %s for %s', pg_get_userbyid(d.defaclrole),
              coalesce((SELECT quote_ident(n.nspname) FROM pg_namespace n WHERE n.oid = d.defaclnamespace), 'any schema'), d.defaclobjtype),
       (SELECT string_agg(grantee || ' ' || privilege, ', ' ORDER BY grantee, privilege)
        FROM (SELECT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee)::text END AS grantee,
                     x.privilege_type AS privilege
              FROM aclexplode(d.defaclacl) AS x WHERE x.privilege_type <> 'MAINTAIN') AS granted)
FROM pg_default_acl d
ORDER BY 1
