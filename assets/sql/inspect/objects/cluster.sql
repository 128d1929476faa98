SELECT 'extension', '', e.extname::text, 'SCHEMA ' || n.nspname
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace

UNION ALL
SELECT 'extension version', '', e.extname, e.extversion FROM pg_catalog.pg_extension e

UNION ALL
SELECT 'language', '', l.lanname, pg_catalog.format('TRUSTED %s HANDLER %s INLINE %s VALIDATOR %s', l.lanpltrusted,
         nullif(l.lanplcallfoid, 0)::pg_catalog.regproc, nullif(l.laninline, 0)::pg_catalog.regproc, nullif(l.lanvalidator, 0)::pg_catalog.regproc)
FROM pg_catalog.pg_language l
WHERE l.oid >= 16384
  AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_language'::pg_catalog.regclass AND m.objid = l.oid)

UNION ALL
SELECT 'access method', '', a.amname, pg_catalog.format('%s %s', a.amtype, a.amhandler) FROM pg_catalog.pg_am a
WHERE a.oid >= 16384
  AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_am'::pg_catalog.regclass AND m.objid = a.oid)

UNION ALL
SELECT 'transform', '', pg_catalog.format('FOR %s LANGUAGE %s', pg_catalog.format_type(t.trftype, NULL), l.lanname),
       pg_catalog.format('FROM %s TO %s', t.trffromsql, t.trftosql)
FROM pg_catalog.pg_transform t JOIN pg_catalog.pg_language l ON l.oid = t.trflang
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_transform'::pg_catalog.regclass AND m.objid = t.oid)

UNION ALL
SELECT 'foreign data wrapper', '', w.fdwname,
       pg_catalog.format('HANDLER %s VALIDATOR %s OPTIONS %s', nullif(w.fdwhandler, 0)::pg_catalog.regproc,
         nullif(w.fdwvalidator, 0)::pg_catalog.regproc, w.fdwoptions)
FROM pg_catalog.pg_foreign_data_wrapper w
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass AND m.objid = w.oid)

UNION ALL
SELECT 'foreign server', '', s.srvname,
       pg_catalog.format('WRAPPER %s TYPE %s VERSION %s OPTIONS %s', w.fdwname, s.srvtype, s.srvversion,
         (SELECT pg_catalog.string_agg(o, ', ' ORDER BY o) FROM unnest(s.srvoptions) o WHERE o !~* '^(password|sslpassword|passfile)='))
FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw

UNION ALL
SELECT 'user mapping', '', pg_catalog.format('%s SERVER %s', m.usename, m.srvname), '' FROM pg_catalog.pg_user_mappings m

UNION ALL
SELECT 'event trigger', '', e.evtname,
       pg_catalog.format('ON %s TAGS %s FUNCTION %s ENABLED %s', e.evtevent, e.evttags, e.evtfoid::pg_catalog.regprocedure, e.evtenabled)
FROM pg_catalog.pg_event_trigger e
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass AND m.objid = e.oid)

UNION ALL
SELECT 'publication', '', p.pubname,
       pg_catalog.concat_ws(E'\n',
         pg_catalog.format('ALL TABLES %s INSERT %s UPDATE %s DELETE %s TRUNCATE %s VIA ROOT %s', p.puballtables, p.pubinsert,
           p.pubupdate, p.pubdelete, coalesce(pg_catalog.to_jsonb(p) ->> 'pubtruncate', 'false'),
           coalesce(pg_catalog.to_jsonb(p) ->> 'pubviaroot', 'false')),
         'GENERATED COLUMNS ' || nullif(pg_catalog.to_jsonb(p) ->> 'pubgencols', 'n'),
         {publication_schemas},
         (SELECT pg_catalog.string_agg({publication_table}, ', ' ORDER BY t.prrelid::pg_catalog.regclass::text COLLATE "C")
          FROM pg_catalog.pg_publication_rel t WHERE t.prpubid = p.oid))
FROM pg_catalog.pg_publication p

UNION ALL
SELECT 'subscription', '', s.subname,
       pg_catalog.format('ENABLED %s SLOT %s PUBLICATIONS %s', s.subenabled, s.subslotname, s.subpublications)
FROM pg_catalog.pg_subscription s
WHERE s.subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())

UNION ALL
SELECT 'role', '', r.rolname,
       pg_catalog.concat_ws(' ', CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN NOT r.rolinherit THEN 'NOINHERIT' END,
         CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
         CASE WHEN r.rolreplication THEN 'REPLICATION' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
         CASE WHEN r.rolconnlimit <> -1 THEN 'CONNECTION LIMIT ' || r.rolconnlimit END,
         CASE WHEN r.rolvaliduntil <> 'infinity' THEN 'VALID UNTIL ' || (r.rolvaliduntil AT TIME ZONE 'UTC')::text END)
FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_'

UNION ALL
SELECT 'login', '', r.rolname, CASE WHEN r.rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END
FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_'

UNION ALL
SELECT 'membership', '', pg_catalog.format('%s IN %s', m.member::pg_catalog.regrole, m.roleid::pg_catalog.regrole),
       pg_catalog.string_agg(DISTINCT pg_catalog.concat_ws(' ', CASE WHEN m.admin_option THEN 'ADMIN' END, {membership}), ', ')
FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.member
WHERE r.rolname !~ '^pg_'
GROUP BY m.member, m.roleid

UNION ALL
SELECT 'setting', '',
       pg_catalog.concat_ws(' ', 'ROLE ' || nullif(s.setrole, 0)::pg_catalog.regrole::text, 'DATABASE ' || d.datname),
       (SELECT pg_catalog.string_agg(o, E'\n' ORDER BY o COLLATE "C") FROM unnest(s.setconfig) o)
FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
WHERE s.setdatabase = 0 OR d.datname = pg_catalog.current_database()

UNION ALL
SELECT 'database', '', 'current database',
       pg_catalog.concat_ws(' ', pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
         nullif(j ->> 'datlocprovider', 'c'), coalesce(j ->> 'datlocale', j ->> 'daticulocale'),
         CASE WHEN d.datconnlimit <> -1 THEN 'CONNECTION LIMIT ' || d.datconnlimit END)
FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.to_jsonb(d) j
WHERE d.datname = pg_catalog.current_database()

UNION ALL
SELECT 'tablespace', '', t.spcname, coalesce(t.spcoptions::text, '') FROM pg_catalog.pg_tablespace t WHERE t.spcname !~ '^pg_'
