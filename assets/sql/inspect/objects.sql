WITH ns AS (
  SELECT oid, nspname AS schema FROM pg_catalog.pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND ({all_schemas} OR nspname = ANY ({schemas}))
), member AS (
  SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), rel AS (
  SELECT c.oid, n.schema, c.relname AS name, c.relkind, c.relowner, c.relacl, c.reltablespace, c.reloptions,
         c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.relispartition, c.relpartbound,
         c.relispopulated, c.reloftype, c.reltoastrelid, c.relam
  FROM pg_catalog.pg_class c JOIN ns n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND c.relpersistence <> 't'
    AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = c.oid)
), typ AS (
  SELECT t.*, n.schema
  FROM pg_catalog.pg_type t JOIN ns n ON n.oid = t.typnamespace
  WHERE t.typtype IN ('b', 'd', 'e', 'r', 'c')
    AND (t.typtype <> 'c' OR EXISTS (SELECT FROM rel r WHERE r.oid = t.typrelid AND r.relkind = 'c'))
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
    AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND m.objid = t.oid)
), fun AS (
  SELECT p.*, n.schema, p.proname || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')' AS name, {function_kind} AS kind
  FROM pg_catalog.pg_proc p JOIN ns n ON n.oid = p.pronamespace
  WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND m.objid = p.oid)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'i')
)
{relations}
UNION ALL
{code}
UNION ALL
{cluster}
UNION ALL
{security}
