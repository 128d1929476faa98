SELECT f.kind, f.schema, f.name,
       pg_catalog.concat_ws(E'\n',
         '(' || CASE f.kind WHEN 'procedure'
                  THEN pg_catalog.regexp_replace(pg_catalog.pg_get_function_arguments(f.oid), '(^|, )IN ', '\1', 'g')
                  ELSE pg_catalog.pg_get_function_arguments(f.oid) END || ')',
         'RETURNS ' || pg_catalog.pg_get_function_result(f.oid),
         'LANGUAGE ' || l.lanname,
         CASE f.provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' END,
         CASE WHEN f.proisstrict THEN 'STRICT' END, CASE WHEN f.prosecdef THEN 'SECURITY DEFINER' END,
         CASE WHEN f.proleakproof THEN 'LEAKPROOF' END,
         CASE f.proparallel WHEN 's' THEN 'PARALLEL SAFE' WHEN 'r' THEN 'PARALLEL RESTRICTED' END,
         'COST ' || f.procost, 'ROWS ' || nullif(f.prorows, 0),
         'SET ' || (SELECT pg_catalog.string_agg(o, ', ' ORDER BY o) FROM unnest(f.proconfig) o),
         'FROM ' || f.probin, f.prosrc, {sql_body},
         (SELECT pg_catalog.format('AGGREGATE %s SFUNC %s FINAL %s COMBINE %s SERIAL %s DESERIAL %s MSFUNC %s MINV %s MFINAL %s STYPE %s MSTYPE %s INIT %s MINIT %s SORT %s ARGS %s FINALMODIFY %s SPACE %s',
                   a.aggkind, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn,
                   a.aggminvtransfn, a.aggmfinalfn, pg_catalog.format_type(a.aggtranstype, NULL),
                   pg_catalog.format_type(nullif(a.aggmtranstype, 0), NULL), a.agginitval, a.aggminitval,
                   a.aggsortop::pg_catalog.regoperator, a.aggnumdirectargs, pg_catalog.to_jsonb(a) ->> 'aggfinalmodify', a.aggtransspace)
          FROM pg_catalog.pg_aggregate a WHERE a.aggfnoid = f.oid AND f.kind = 'aggregate'))
FROM fun f JOIN pg_catalog.pg_language l ON l.oid = f.prolang

UNION ALL
SELECT CASE t.typtype WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum' WHEN 'r' THEN 'range' ELSE 'type' END, t.schema, t.typname,
       CASE t.typtype
         WHEN 'd' THEN pg_catalog.concat_ws(' ', pg_catalog.format_type(t.typbasetype, t.typtypmod),
           CASE WHEN t.typcollation <> b.typcollation THEN 'COLLATE ' || (SELECT pg_catalog.format('%I.%I', n.nspname, c.collname) FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = t.typcollation) END,
           CASE WHEN t.typnotnull THEN 'NOT NULL' END, 'DEFAULT ' || t.typdefault)
         WHEN 'e' THEN (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                        FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)
         WHEN 'r' THEN (SELECT pg_catalog.format('SUBTYPE %s COLLATION %s OPCLASS %s CANONICAL %s DIFF %s MULTIRANGE %s',
                                 pg_catalog.format_type(g.rngsubtype, NULL), (SELECT c.collname FROM pg_catalog.pg_collation c WHERE c.oid = g.rngcollation),
                                 o.opcname, g.rngcanonical, g.rngsubdiff, {multirange})
                        FROM pg_catalog.pg_range g JOIN pg_catalog.pg_opclass o ON o.oid = g.rngsubopc WHERE g.rngtypid = t.oid)
         WHEN 'c' THEN 'COMPOSITE'
         ELSE pg_catalog.format('INPUT %s OUTPUT %s RECEIVE %s SEND %s LENGTH %s BYVALUE %s ALIGN %s STORAGE %s CATEGORY %s PREFERRED %s DELIMITER %s ELEMENT %s',
                t.typinput, t.typoutput, t.typreceive, t.typsend, t.typlen, t.typbyval, t.typalign, t.typstorage, t.typcategory,
                t.typispreferred, t.typdelim, pg_catalog.format_type(nullif(t.typelem, 0), NULL)) END
FROM typ t LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype

UNION ALL
SELECT 'constraint', t.schema, t.typname || '.' || c.conname, pg_catalog.pg_get_constraintdef(c.oid)
FROM typ t JOIN pg_catalog.pg_constraint c ON c.contypid = t.oid
WHERE c.contype <> 'n'

UNION ALL
SELECT 'operator', n.schema, pg_catalog.format('%s(%s, %s)', o.oprname, pg_catalog.format_type(nullif(o.oprleft, 0), NULL), pg_catalog.format_type(nullif(o.oprright, 0), NULL)),
       pg_catalog.format('FUNCTION %s RETURNS %s COMMUTATOR %s NEGATOR %s MERGES %s HASHES %s RESTRICT %s JOIN %s', o.oprcode,
         pg_catalog.format_type(o.oprresult, NULL), o.oprcom::pg_catalog.regoperator, o.oprnegate::pg_catalog.regoperator,
         o.oprcanmerge, o.oprcanhash, o.oprrest, o.oprjoin)
FROM pg_catalog.pg_operator o JOIN ns n ON n.oid = o.oprnamespace
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND m.objid = o.oid)

UNION ALL
SELECT 'operator class', n.schema, o.opcname || ' USING ' || a.amname,
       pg_catalog.format('FOR %s FAMILY %s DEFAULT %s STORAGE %s', pg_catalog.format_type(o.opcintype, NULL), f.opfname, o.opcdefault,
         pg_catalog.format_type(nullif(o.opckeytype, 0), NULL))
FROM pg_catalog.pg_opclass o JOIN ns n ON n.oid = o.opcnamespace JOIN pg_catalog.pg_am a ON a.oid = o.opcmethod
JOIN pg_catalog.pg_opfamily f ON f.oid = o.opcfamily
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_opclass'::pg_catalog.regclass AND m.objid = o.oid)

UNION ALL
SELECT 'operator family', n.schema, f.opfname || ' USING ' || a.amname,
       pg_catalog.concat_ws(E'\n',
         (SELECT pg_catalog.string_agg(l, ', ' ORDER BY l COLLATE "C")
          FROM (SELECT pg_catalog.format('OPERATOR %s %s %s', o.amopstrategy, o.amopopr::pg_catalog.regoperator, o.amoppurpose) AS l
                FROM pg_catalog.pg_amop o WHERE o.amopfamily = f.oid) x),
         (SELECT pg_catalog.string_agg(l, ', ' ORDER BY l COLLATE "C")
          FROM (SELECT pg_catalog.format('FUNCTION %s (%s, %s) %s', p.amprocnum, pg_catalog.format_type(p.amproclefttype, NULL),
                         pg_catalog.format_type(p.amprocrighttype, NULL), p.amproc::pg_catalog.regprocedure) AS l
                FROM pg_catalog.pg_amproc p WHERE p.amprocfamily = f.oid) x))
FROM pg_catalog.pg_opfamily f JOIN ns n ON n.oid = f.opfnamespace JOIN pg_catalog.pg_am a ON a.oid = f.opfmethod
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_opfamily'::pg_catalog.regclass AND m.objid = f.oid)

UNION ALL
SELECT 'cast', '', pg_catalog.format('%s AS %s', pg_catalog.format_type(c.castsource, NULL), pg_catalog.format_type(c.casttarget, NULL)),
       pg_catalog.format('FUNCTION %s CONTEXT %s METHOD %s', nullif(c.castfunc, 0)::pg_catalog.regprocedure, c.castcontext, c.castmethod)
FROM pg_catalog.pg_cast c
WHERE c.oid >= 16384
  AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND m.objid = c.oid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'i')

UNION ALL
SELECT 'collation', n.schema, c.collname,
       pg_catalog.concat_ws(' ', c.collprovider, c.collcollate, c.collctype, coalesce(j ->> 'colllocale', j ->> 'colliculocale'),
         CASE WHEN j ->> 'collisdeterministic' = 'false' THEN 'NONDETERMINISTIC' END, j ->> 'collicurules')
FROM pg_catalog.pg_collation c JOIN ns n ON n.oid = c.collnamespace CROSS JOIN LATERAL pg_catalog.to_jsonb(c) j
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_collation'::pg_catalog.regclass AND m.objid = c.oid)

UNION ALL
SELECT 'conversion', n.schema, c.conname,
       pg_catalog.format('%s TO %s FUNCTION %s DEFAULT %s', pg_catalog.pg_encoding_to_char(c.conforencoding),
         pg_catalog.pg_encoding_to_char(c.contoencoding), c.conproc, c.condefault)
FROM pg_catalog.pg_conversion c JOIN ns n ON n.oid = c.connamespace

UNION ALL
SELECT 'text search configuration', n.schema, c.cfgname,
       pg_catalog.concat_ws(' ', 'PARSER', (SELECT p.prsname FROM pg_catalog.pg_ts_parser p WHERE p.oid = c.cfgparser),
         (SELECT pg_catalog.string_agg(m.maptokentype || ' ' || m.mapdict::pg_catalog.regdictionary::text, ', ' ORDER BY m.maptokentype, m.mapseqno)
          FROM pg_catalog.pg_ts_config_map m WHERE m.mapcfg = c.oid))
FROM pg_catalog.pg_ts_config c JOIN ns n ON n.oid = c.cfgnamespace
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_ts_config'::pg_catalog.regclass AND m.objid = c.oid)

UNION ALL
SELECT 'text search dictionary', n.schema, d.dictname, pg_catalog.concat_ws(' ', t.tmplname, d.dictinitoption)
FROM pg_catalog.pg_ts_dict d JOIN ns n ON n.oid = d.dictnamespace JOIN pg_catalog.pg_ts_template t ON t.oid = d.dicttemplate
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_ts_dict'::pg_catalog.regclass AND m.objid = d.oid)

UNION ALL
SELECT 'text search parser', n.schema, p.prsname, pg_catalog.format('%s %s %s %s %s', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype)
FROM pg_catalog.pg_ts_parser p JOIN ns n ON n.oid = p.prsnamespace
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_ts_parser'::pg_catalog.regclass AND m.objid = p.oid)

UNION ALL
SELECT 'text search template', n.schema, t.tmplname, pg_catalog.format('%s %s', t.tmplinit, t.tmpllexize)
FROM pg_catalog.pg_ts_template t JOIN ns n ON n.oid = t.tmplnamespace
WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_ts_template'::pg_catalog.regclass AND m.objid = t.oid)
