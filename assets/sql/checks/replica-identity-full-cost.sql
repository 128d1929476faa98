SELECT format('%s (%s, %s updates and deletes)', c.oid::regclass, pg_size_pretty(pg_relation_size(c.oid)), s.n_tup_upd + s.n_tup_del) AS what
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relkind = 'r' AND c.relreplident = 'f' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
  AND pg_relation_size(c.oid) > {costly_bytes} AND s.n_tup_upd + s.n_tup_del > 0
ORDER BY pg_relation_size(c.oid) DESC
