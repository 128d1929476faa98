SELECT 'column ' || format('%I.%I.%I', n.nspname, c.relname, a.attname) AS ident,
       format_type(a.atttypid, a.atttypmod) || ' not null ' || a.attnotnull::text || ' identity ' || CASE WHEN c.relispartition THEN '' ELSE a.attidentity::text END
           || ' generated ' || coalesce(to_jsonb(a)->>'attgenerated', '') AS def
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
UNION ALL
SELECT 'constraint ' || format('%I on %I.%I', o.conname, n.nspname, c.relname), pg_get_constraintdef(o.oid)
FROM pg_constraint o
JOIN pg_class c ON c.oid = o.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE o.contype <> 'n' AND coalesce((to_jsonb(o)->>'conparentid')::oid, 0) = 0 AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
UNION ALL
SELECT 'index ' || format('%I.%I', n.nspname, c.relname),
       pg_get_indexdef(i.indexrelid) || ' valid ' || i.indisvalid::text || ' identity ' || i.indisreplident::text
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
UNION ALL
SELECT 'relation ' || format('%I.%I', n.nspname, c.relname),
       c.relkind::text || ' ' || c.relpersistence::text || ' replica identity ' || c.relreplident::text
           || ' row security ' || c.relrowsecurity::text || ' owner ' || pg_get_userbyid(c.relowner)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
UNION ALL
SELECT 'trigger ' || format('%I on %I.%I', t.tgname, n.nspname, c.relname), CASE t.tgenabled WHEN 'D' THEN 'disabled' ELSE 'enabled' END
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
UNION ALL
SELECT 'function ' || format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)), md5(coalesce(p.prosrc, ''))
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
  AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_proc'::regclass AND x.objid = p.oid AND x.deptype IN ('e', 'i'))
UNION ALL
SELECT 'enum ' || format('%I.%I', n.nspname, t.typname), string_agg(e.enumlabel::text, '|' ORDER BY e.enumsortorder)
FROM pg_enum e
JOIN pg_type t ON t.oid = e.enumtypid
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
GROUP BY n.nspname, t.typname
UNION ALL
SELECT 'policy ' || format('%I on %I.%I', p.polname, n.nspname, c.relname), p.polcmd::text || p.polpermissive::text
FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
