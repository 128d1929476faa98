SELECT format('%I of %I (%s)', s.subname, r.rolname,
              CASE WHEN NOT r.rolcanlogin THEN 'may not log in' WHEN r.rolname = ANY ({fence}) THEN 'to be fenced'
                   ELSE 'no superuser' END) AS what
FROM pg_subscription s
JOIN pg_roles r ON r.oid = s.subowner
WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.subname = {subscription}
  AND (NOT r.rolcanlogin OR r.rolname = ANY ({fence})
       OR NOT r.rolsuper
          AND NOT EXISTS (SELECT FROM pg_roles g WHERE g.rolname = 'rds_superuser' AND pg_has_role(r.oid, g.oid, 'MEMBER')))
ORDER BY 1
