SELECT c.oid::regclass::text AS what, format('GRANT SELECT, USAGE ON SEQUENCE %s TO %I', c.oid::regclass, current_user) AS fix
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(c.oid, 'SELECT') END AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
ORDER BY 1
