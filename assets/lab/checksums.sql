-- Every table of the database with its row count and a checksum of its rows, whatever their order.
SELECT n.nspname || '.' || c.relname,
       (xpath('/row/sum/text()', query_to_xml(
           format('SELECT count(*) || '' '' || coalesce(md5(string_agg(md5(t::text), '''' ORDER BY md5(t::text))), ''-'') AS sum FROM %I.%I AS t',
                  n.nspname, c.relname),
           false, true, '')))[1]::text
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1
