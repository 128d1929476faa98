SELECT c.oid::regclass::text AS what, format('ALTER TABLE %s SET WITHOUT OIDS', c.oid::regclass) AS fix
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE to_jsonb(c)->>'relhasoids' = 'true' AND c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
ORDER BY 1
