SELECT format('collation %I.%I: recorded %s, the library has %s', n.nspname, c.collname, c.collversion,
              pg_collation_actual_version(c.oid)) AS what
FROM pg_collation c
JOIN pg_namespace n ON n.oid = c.collnamespace
WHERE c.collversion IS NOT NULL AND c.collversion IS DISTINCT FROM pg_collation_actual_version(c.oid)
UNION ALL
SELECT format('database %I: recorded %s, the library has %s', datname, datcollversion, pg_database_collation_actual_version(oid))
FROM pg_database
WHERE datname = current_database() AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)
ORDER BY 1
