SELECT format('%I.%I', schemaname, tablename) AS name
FROM pg_publication_tables
WHERE pubname = {publication}
ORDER BY 1
