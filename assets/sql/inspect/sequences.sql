SELECT n.nspname AS schema, c.relname AS name,
       pg_catalog.pg_sequence_last_value(c.oid) AS last_value, true AS is_called
FROM pg_catalog.pg_sequence s
JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {own_schema})
