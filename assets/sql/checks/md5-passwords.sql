SELECT quote_ident(rolname) AS what
FROM pg_authid
WHERE rolpassword LIKE 'md5%' AND rolcanlogin
ORDER BY 1
