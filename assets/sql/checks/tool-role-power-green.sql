SELECT r.rolname AS role, r.rolsuper AS super,
       EXISTS (SELECT FROM pg_roles g WHERE g.rolname = 'rds_superuser' AND pg_has_role(current_user, g.oid, 'MEMBER')) AS rds_super,
       EXISTS (SELECT FROM pg_roles g WHERE g.rolname = 'pg_create_subscription' AND pg_has_role(current_user, g.oid, 'MEMBER')) AS may_subscribe,
       has_database_privilege(current_database(), 'CREATE') AS may_create,
       has_function_privilege('pg_replication_origin_advance(text, pg_lsn)', 'EXECUTE') AS may_advance
FROM pg_roles r
WHERE r.rolname = current_user
