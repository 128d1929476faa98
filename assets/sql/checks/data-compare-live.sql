SELECT format('%I.%I', n.nspname, c.relname) AS name,
       format('SELECT count(*) AS rows, md5(string_agg(t::text, E''\n'' ORDER BY %2$s)) AS hash FROM (SELECT * FROM ONLY %1$s ORDER BY %2$s LIMIT 500) AS t',
              c.oid::regclass,
              (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.place)
               FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(num, place)
               JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.num)) AS statement
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
ORDER BY pg_relation_size(c.oid) DESC
LIMIT 100
