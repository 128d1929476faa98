SELECT quote_ident(rolname) AS what, format('ALTER ROLE %I NOLOGIN', rolname) AS fix
FROM pg_roles
WHERE rolcanlogin AND rolname = ANY ({fence})
ORDER BY 1
