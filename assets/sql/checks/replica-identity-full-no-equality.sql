WITH RECURSIVE used AS (
    SELECT c.oid AS relid, a.attname, a.atttypid AS typ
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND c.relreplident = 'f' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
    UNION
    SELECT u.relid, u.attname, x.typ
    FROM used u
    JOIN pg_type t ON t.oid = u.typ
    CROSS JOIN LATERAL (
        SELECT t.typbasetype AS typ WHERE t.typtype = 'd'
        UNION ALL
        SELECT t.typelem WHERE t.typcategory = 'A' AND t.typelem <> 0 AND t.typlen = -1
        UNION ALL
        SELECT part.atttypid FROM pg_attribute part
        WHERE t.typtype = 'c' AND part.attrelid = t.typrelid AND part.attnum > 0 AND NOT part.attisdropped) AS x
)
SELECT format('%s.%I (%s)', u.relid::regclass, u.attname, format_type(u.typ, NULL)) AS what
FROM used u
JOIN pg_type t ON t.oid = u.typ
WHERE t.typtype = 'b' AND NOT (t.typcategory = 'A' AND t.typelem <> 0 AND t.typlen = -1)
  AND NOT EXISTS (
      SELECT FROM pg_opclass oc
      JOIN pg_am am ON am.oid = oc.opcmethod
      WHERE am.amname IN ('btree', 'hash') AND oc.opcdefault
        AND (oc.opcintype = u.typ
             OR EXISTS (SELECT FROM pg_cast k WHERE k.castsource = u.typ AND k.casttarget = oc.opcintype
                                                AND k.castmethod = 'b' AND k.castcontext = 'i')))
ORDER BY 1
