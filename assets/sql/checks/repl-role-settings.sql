SELECT format('%s (database %s, role %s)', x.setting, coalesce(quote_ident(d.datname), 'any'),
              coalesce(quote_ident(r.rolname), 'any')) AS what,
       CASE WHEN x.setting ~ '^default_transaction_read_only'
            THEN format('ALTER ROLE %I SET default_transaction_read_only = off', {replication_role}::text)
            ELSE format('ALTER ROLE %I SET %s = 0', {replication_role}::text, split_part(x.setting, '=', 1)) END AS fix
FROM pg_db_role_setting s
CROSS JOIN LATERAL unnest(s.setconfig) AS x(setting)
LEFT JOIN pg_database d ON d.oid = s.setdatabase
LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE (s.setdatabase = 0 OR d.datname = current_database())
  AND (s.setrole = 0 OR r.rolname = {replication_role})
  AND x.setting ~ '^(statement_timeout|lock_timeout|transaction_timeout|default_transaction_read_only)='
  AND split_part(x.setting, '=', 2) NOT IN ('0', 'off', 'false', '0ms', '0s')
  AND NOT EXISTS (SELECT FROM pg_db_role_setting own
                  JOIN pg_roles o ON o.oid = own.setrole AND o.rolname = {replication_role}
                  CROSS JOIN LATERAL unnest(own.setconfig) AS y(setting)
                  WHERE s.setrole = 0 AND split_part(y.setting, '=', 1) = split_part(x.setting, '=', 1)
                    AND split_part(y.setting, '=', 2) IN ('0', 'off', 'false', '0ms', '0s'))
ORDER BY 1
