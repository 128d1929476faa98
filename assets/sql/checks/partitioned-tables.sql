SELECT format('%s (%s partitions)', c.oid::regclass, count(i.inhrelid)) AS what
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_inherits i ON i.inhparent = c.oid
WHERE c.relkind = 'p' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
  AND NOT EXISTS (SELECT FROM pg_publication p WHERE p.pubname = {publication} AND to_jsonb(p)->>'pubviaroot' = 'true')
GROUP BY c.oid
ORDER BY 1
