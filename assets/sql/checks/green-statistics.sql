SELECT format('%s (%s)', c.oid::regclass, pg_size_pretty(pg_total_relation_size(c.oid))) AS what,
       format('ANALYZE %s', c.oid::regclass) AS fix
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_all_tables t ON t.relid = c.oid
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
  AND pg_relation_size(c.oid) > 131072
  AND t.last_analyze IS NULL AND t.last_autoanalyze IS NULL
  AND NOT EXISTS (SELECT FROM pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = c.relname)
ORDER BY pg_total_relation_size(c.oid) DESC
