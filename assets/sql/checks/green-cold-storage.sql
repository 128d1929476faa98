SELECT count(*) AS relations, coalesce(sum(unread), 0)::bigint AS unread,
       string_agg(name, ', ' ORDER BY unread DESC) FILTER (WHERE place <= 5) AS largest
FROM (SELECT c.oid::regclass::text AS name,
             pg_relation_size(c.oid) - 8192 * least(s.heap_blks_read + s.heap_blks_hit, pg_relation_size(c.oid) / 8192) AS unread,
             row_number() OVER (ORDER BY pg_relation_size(c.oid) DESC) AS place
      FROM pg_class c
      JOIN pg_statio_all_tables s ON s.relid = c.oid
      WHERE c.relkind IN ('r', 'm') AND c.oid >= 16384) AS tables
WHERE unread > 0
