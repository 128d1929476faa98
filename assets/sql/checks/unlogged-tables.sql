SELECT format('%s (%s)', c.oid::regclass, pg_size_pretty(pg_total_relation_size(c.oid))) AS what,
       format('ALTER TABLE %s SET LOGGED', c.oid::regclass) AS fix
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'u' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
ORDER BY 1
