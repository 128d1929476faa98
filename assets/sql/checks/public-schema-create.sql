SELECT has_schema_privilege('public', n.oid, 'CREATE') AS anyone_may_create
FROM pg_namespace n
WHERE n.nspname = 'public'
