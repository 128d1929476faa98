SELECT format('database %s, role %s', coalesce(quote_ident(d.datname), 'any'), coalesce(quote_ident(r.rolname), 'any')) AS ident,
       (SELECT string_agg(x, '; ' ORDER BY x) FROM unnest(s.setconfig) AS x) AS def
FROM pg_db_role_setting s
LEFT JOIN pg_database d ON d.oid = s.setdatabase
LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE coalesce(d.datname, '') <> 'rdsadmin' AND coalesce(r.rolname, '') !~ '^rds'
ORDER BY 1
