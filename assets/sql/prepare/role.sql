SELECT r.rolcanlogin AS can_log_in,
       r.rolreplication OR r.rolsuper
         OR EXISTS (SELECT FROM pg_roles g WHERE g.rolname = 'rds_replication' AND pg_has_role(r.oid, g.oid, 'MEMBER')) AS can_replicate,
       NOT EXISTS (SELECT FROM pg_database d
                    WHERE d.datname = ANY ({databases})
                      AND NOT EXISTS (SELECT FROM aclexplode(d.datacl) a WHERE a.grantee = r.oid AND a.privilege_type = 'CONNECT')) AS connects
  FROM pg_roles r
 WHERE r.rolname = {role}
