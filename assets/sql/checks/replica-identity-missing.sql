SELECT format('%I.%I (%s%s)', n.nspname, c.relname,
              CASE WHEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND NOT i.indimmediate)
                   THEN 'its primary key is deferrable'
                   WHEN c.relreplident = 'n' THEN 'REPLICA IDENTITY NOTHING'
                   WHEN c.relreplident = 'i' THEN 'its identity index is gone'
                   ELSE 'no primary key' END,
              CASE WHEN s.n_tup_upd + s.n_tup_del > 0
                   THEN format(', %s updates and deletes', s.n_tup_upd + s.n_tup_del) ELSE '' END) AS what,
       CASE WHEN usable.name IS NULL THEN format('ALTER TABLE %I.%I REPLICA IDENTITY FULL', n.nspname, c.relname)
            ELSE format('ALTER TABLE %I.%I REPLICA IDENTITY USING INDEX %I', n.nspname, c.relname, usable.name) END AS fix
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
LEFT JOIN LATERAL (
    SELECT x.relname AS name
    FROM pg_index i
    JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
      AND NOT EXISTS (SELECT FROM unnest(i.indkey::int2[]) AS k(num)
                      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.num
                      WHERE NOT a.attnotnull)
    ORDER BY x.relname
    LIMIT 1) AS usable ON true
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384 AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
  AND NOT (c.relreplident = 'f'
           OR c.relreplident = 'd' AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate AND i.indisvalid)
           OR c.relreplident = 'i' AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident AND i.indimmediate AND i.indisvalid))
ORDER BY s.n_tup_upd + s.n_tup_del DESC NULLS LAST, 1
