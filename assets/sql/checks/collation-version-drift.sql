SELECT format('collation %I.%I: recorded %s, the library has %s', n.nspname, c.collname, c.collversion,
              pg_collation_actual_version(c.oid)) AS what
FROM pg_collation c
JOIN pg_namespace n ON n.oid = c.collnamespace
WHERE c.collversion IS NOT NULL AND c.collversion IS DISTINCT FROM pg_collation_actual_version(c.oid)
ORDER BY 1
