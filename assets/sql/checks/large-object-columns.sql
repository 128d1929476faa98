SELECT format('%s.%I', c.oid::regclass, a.attname) AS what
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
  AND (a.atttypid = 'oid'::regtype OR format_type(a.atttypid, NULL) ~ '(^|\.)lo$') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
ORDER BY 1
