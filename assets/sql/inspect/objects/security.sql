SELECT x.kind, x.schema, x.name, x.definition
FROM (
  SELECT o.*, CASE part.n WHEN 1 THEN 'owner' ELSE 'grants' END AS kind,
         CASE part.n WHEN 1 THEN pg_catalog.pg_get_userbyid(o.owner)::text
           ELSE coalesce((SELECT pg_catalog.string_agg(l, ', ' ORDER BY l COLLATE "C") FROM (
             SELECT pg_catalog.format('%s=%s%s', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END,
                      a.privilege_type, CASE WHEN a.is_grantable THEN '*' END) AS l
             FROM pg_catalog.aclexplode(o.acl) a WHERE a.privilege_type <> 'MAINTAIN' OR {maintain}) g), 'none') END AS definition,
         CASE WHEN part.n = 2 AND o.acltype IS NOT NULL THEN
           coalesce((SELECT pg_catalog.string_agg(l, ', ' ORDER BY l COLLATE "C") FROM (
             SELECT pg_catalog.format('%s=%s%s', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END,
                      a.privilege_type, CASE WHEN a.is_grantable THEN '*' END) AS l
             FROM pg_catalog.aclexplode(pg_catalog.acldefault(o.acltype, o.owner)) a
             WHERE a.privilege_type <> 'MAINTAIN' OR {maintain}) g), 'none') END AS usual
  FROM (
    SELECT r.schema::text, r.name::text, r.relowner AS owner, r.relacl AS acl,
           CASE r.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END AS acltype
    FROM rel r WHERE r.relkind <> 'c'
    UNION ALL
    SELECT f.schema, f.name, f.proowner, f.proacl, 'f'::"char" FROM fun f
    UNION ALL
    SELECT t.schema, 'type ' || t.typname, t.typowner, t.typacl, 'T'::"char" FROM typ t
    UNION ALL
    SELECT '', 'schema ' || n.schema, s.nspowner, s.nspacl, 'n'::"char" FROM ns n JOIN pg_catalog.pg_namespace s ON s.oid = n.oid
    UNION ALL
    SELECT '', 'current database', d.datdba, d.datacl, 'd'::"char" FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
    UNION ALL
    SELECT '', 'tablespace ' || t.spcname, t.spcowner, t.spcacl, 't'::"char" FROM pg_catalog.pg_tablespace t WHERE t.spcname !~ '^pg_'
    UNION ALL
    SELECT '', 'language ' || l.lanname, l.lanowner, l.lanacl, 'l'::"char" FROM pg_catalog.pg_language l WHERE l.lanpltrusted
    UNION ALL
    SELECT '', 'foreign data wrapper ' || w.fdwname, w.fdwowner, w.fdwacl, 'F'::"char" FROM pg_catalog.pg_foreign_data_wrapper w
    UNION ALL
    SELECT '', 'foreign server ' || s.srvname, s.srvowner, s.srvacl, 'S'::"char" FROM pg_catalog.pg_foreign_server s
    UNION ALL
    SELECT '', 'publication ' || p.pubname, p.pubowner, NULL, NULL FROM pg_catalog.pg_publication p
    UNION ALL
    SELECT '', 'event trigger ' || e.evtname, e.evtowner, NULL, NULL FROM pg_catalog.pg_event_trigger e
    UNION ALL
    SELECT r.schema, r.name || '.' || a.attname, NULL, a.attacl, NULL
    FROM rel r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL
    SELECT coalesce(n.nspname, ''), pg_catalog.format('default privileges of %s on %s', pg_catalog.pg_get_userbyid(d.defaclrole), d.defaclobjtype),
           NULL, d.defaclacl, NULL
    FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
  ) o CROSS JOIN (VALUES (1), (2)) part(n)
  WHERE CASE part.n WHEN 1 THEN o.owner IS NOT NULL ELSE o.acl IS NOT NULL END
) x
WHERE x.definition IS DISTINCT FROM x.usual

UNION ALL
SELECT 'comment', coalesce(i.schema, ''), i.type || ' ' || i.identity, d.description
FROM pg_catalog.pg_description d
CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) i
WHERE d.objoid >= 16384
  AND d.classoid NOT IN ('pg_catalog.pg_largeobject'::pg_catalog.regclass, 'pg_catalog.pg_extension'::pg_catalog.regclass)
  AND coalesce(i.schema, '') !~ '^pg_'
  AND (i.schema IS NULL OR i.schema IN (SELECT n.schema FROM ns n))
  AND NOT EXISTS (SELECT FROM member m WHERE m.classid = d.classoid AND m.objid = d.objoid)

UNION ALL
SELECT 'comment', '', i.type || ' ' || i.identity, d.description
FROM pg_catalog.pg_shdescription d
CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classoid, d.objoid, 0) i
WHERE d.objoid >= 16384

UNION ALL
SELECT 'security label', coalesce(i.schema, ''), i.type || ' ' || i.identity || ' ' || d.provider, d.label
FROM pg_catalog.pg_seclabel d
CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) i
WHERE d.classoid <> 'pg_catalog.pg_largeobject'::pg_catalog.regclass
