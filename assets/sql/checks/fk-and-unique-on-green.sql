SELECT format('%I on %s', c.conname, c.conrelid::regclass) AS ident, pg_get_constraintdef(c.oid) AS def
FROM pg_constraint c
JOIN pg_class r ON r.oid = c.conrelid
JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE c.contype IN ('x', 'c', 'u', 'f') AND coalesce((to_jsonb(c)->>'conparentid')::oid, 0) = 0 AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
ORDER BY 1
