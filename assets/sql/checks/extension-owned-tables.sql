SELECT format('%s of %I', c.oid::regclass, e.extname) AS what
FROM pg_depend d
JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
JOIN pg_class c ON c.oid = d.objid AND d.classid = 'pg_class'::regclass
WHERE d.deptype = 'e' AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.oid >= 16384
ORDER BY 1
