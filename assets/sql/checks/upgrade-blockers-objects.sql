SELECT format('role %I', rolname) AS what
FROM pg_roles WHERE rolname ~ '^pg_' AND oid >= 16384
UNION ALL
SELECT format('database %s, for the line break in its name', to_json(datname))
FROM pg_database WHERE datname ~ '[\n\r]'
UNION ALL
SELECT format('postfix operator %s', o.oid::regoperator)
FROM pg_operator o WHERE o.oprright = 0 AND o.oid >= 16384
UNION ALL
SELECT format('encoding conversion %I', conname)
FROM pg_conversion WHERE oid >= 16384
UNION ALL
SELECT DISTINCT format('view %s on %s', v.oid::regclass, t.relname)
FROM pg_rewrite r
JOIN pg_class v ON v.oid = r.ev_class
JOIN pg_depend d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass
JOIN pg_class t ON t.oid = d.refobjid AND t.relnamespace = 'pg_catalog'::regnamespace
               AND t.relname IN ('pg_stat_activity', 'pg_stat_replication', 'pg_stat_bgwriter')
WHERE v.oid >= 16384
ORDER BY 1
