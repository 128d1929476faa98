SELECT r.rolcanlogin AS login, r.rolreplication OR r.rolsuper AS replication,
       r.rolvaliduntil::text AS until, coalesce(r.rolvaliduntil < now() + interval '7 days', false) AS expires,
       EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
               WHERE m.member = r.oid AND g.rolname = 'rds_replication') AS rds_replication,
       EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
               WHERE m.member = r.oid AND g.rolname = 'rds_iam') AS rds_iam,
       has_database_privilege(r.oid, current_database(), 'CONNECT') AS may_connect,
       r.rolname = ANY ({fence}) AS fenced
FROM pg_roles r
WHERE r.rolname = {replication_role}
