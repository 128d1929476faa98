WITH RECURSIVE domains AS (
    SELECT oid AS domain, oid AS base FROM pg_type WHERE typtype = 'd'
    UNION ALL
    SELECT d.domain, t.typbasetype FROM domains d JOIN pg_type t ON t.oid = d.base AND t.typtype = 'd'
), bases AS (
    SELECT d.domain, d.base FROM domains d JOIN pg_type t ON t.oid = d.base AND t.typtype <> 'd'
), parts AS (
    SELECT i.inhrelid AS leaf, i.inhparent AS root
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
    UNION ALL
    SELECT p.leaf, i.inhparent
      FROM parts p JOIN pg_class c ON c.oid = p.root AND c.relispartition JOIN pg_inherits i ON i.inhrelid = c.oid
), roots AS (
    SELECT p.leaf, json_build_array(n.nspname, c.relname) AS root
      FROM parts p JOIN pg_class c ON c.oid = p.root AND NOT c.relispartition JOIN pg_namespace n ON n.oid = c.relnamespace
)
SELECT n.nspname AS schema,
       c.relname AS name,
       c.relkind::text AS kind,
       c.relpersistence::text AS persistence,
       c.relispartition AS is_partition,
       r.root,
       greatest(c.relpages, 0)::bigint * current_setting('block_size')::bigint AS bytes,
       greatest(c.reltuples::bigint, 0) AS estimate,
       pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid) AS writes,
       coalesce((
           SELECT json_agg(json_build_object(
                      'name', a.attname,
                      'type', format_type(a.atttypid, a.atttypmod),
                      'base', CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype = 'b' AND t.typelem = 0 OR t.typname = 'name'
                                   THEN t.typname ELSE '' END,
                      'not_null', a.attnotnull,
                      'generated', {generated} <> '',
                      'always', a.attidentity = 'a',
                      'plain_order', a.attcollation = 0 OR l.collname IN ('C', 'POSIX') OR l.collname = 'default' AND {default_is_c})
                  ORDER BY a.attname::text COLLATE "C")
             FROM pg_attribute a
             LEFT JOIN bases b ON b.domain = a.atttypid
             JOIN pg_type t ON t.oid = coalesce(b.base, a.atttypid)
             LEFT JOIN pg_collation l ON l.oid = a.attcollation
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]') AS columns,
       coalesce((
           SELECT json_agg(k.names ORDER BY k.indisprimary DESC, k.indisreplident DESC, k.indnkeyatts, k.names::text COLLATE "C")
             FROM (SELECT i.indisprimary, i.indisreplident, i.indnkeyatts,
                          json_agg(a.attname ORDER BY u.place) AS names, bool_and(a.attnotnull) AS usable
                     FROM pg_index i
                     CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS u(num, place)
                     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.num
                    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
                      AND i.indpred IS NULL AND i.indexprs IS NULL AND u.place <= i.indnkeyatts
                    GROUP BY i.indexrelid, i.indisprimary, i.indisreplident, i.indnkeyatts) AS k
            WHERE k.usable), '[]') AS keys
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN roots r ON r.leaf = c.oid
 WHERE c.relkind IN ('r', 'p')
   AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {own_schema})
   AND ({all_schemas} OR n.nspname = ANY ({schemas}))
 ORDER BY n.nspname::text COLLATE "C", c.relname::text COLLATE "C"
