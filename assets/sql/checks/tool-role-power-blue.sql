SELECT r.rolname AS role, r.rolsuper AS super,
       EXISTS (SELECT FROM pg_roles g WHERE g.rolname = 'rds_superuser' AND pg_has_role(current_user, g.oid, 'MEMBER')) AS rds_super,
       has_database_privilege(current_database(), 'CREATE') AS may_create
FROM pg_roles r
WHERE r.rolname = current_user
