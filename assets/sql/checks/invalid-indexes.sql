SELECT format('%s on %s', i.indexrelid::regclass, i.indrelid::regclass) AS what,
       format('REINDEX INDEX %s', i.indexrelid::regclass) AS fix
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (NOT i.indisvalid OR NOT i.indisready) AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
ORDER BY 1
