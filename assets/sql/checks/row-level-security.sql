SELECT c.oid::regclass::text AS what, format('ALTER ROLE %I BYPASSRLS', current_user) AS fix
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relrowsecurity AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
  AND NOT EXISTS (SELECT FROM pg_roles r
                  WHERE (r.rolsuper OR r.rolbypassrls)
                    AND r.oid = coalesce((SELECT s.subowner FROM pg_subscription s
                                          WHERE s.subname = {subscription}
                                            AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())),
                                         (SELECT oid FROM pg_roles WHERE rolname = current_user)))
ORDER BY 1
