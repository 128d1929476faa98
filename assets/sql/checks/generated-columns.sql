SELECT format('%I.%I.%I', n.nspname, c.relname, a.attname) AS ident,
       (to_jsonb(a)->>'attgenerated') || ' ' || pg_get_expr(ad.adbin, ad.adrelid) AS def
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef ad ON ad.adrelid = c.oid AND ad.adnum = a.attnum
WHERE coalesce(to_jsonb(a)->>'attgenerated', '') <> '' AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
ORDER BY 1
