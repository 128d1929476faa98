SELECT format('publication %I (%s)', p.pubname, coalesce(obj_description(p.oid, 'pg_publication'), 'it carries no comment')) AS what
FROM pg_publication p
WHERE p.pubname = {publication} AND obj_description(p.oid, 'pg_publication') IS DISTINCT FROM {mark}
UNION ALL
SELECT format('schema %I (%s)', n.nspname, coalesce(obj_description(n.oid, 'pg_namespace'), 'it carries no comment'))
FROM pg_namespace n
WHERE n.nspname = {schema} AND obj_description(n.oid, 'pg_namespace') IS DISTINCT FROM {mark}
UNION ALL
SELECT format('subscription %I', s.subname)
FROM pg_subscription s
WHERE s.subname IN ({subscription}, {reverse_subscription})
  AND s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
