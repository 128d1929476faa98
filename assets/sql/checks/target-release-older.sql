-- Columns that carry the server's own note of when they were made, which an older pg_dump takes for an option.
SELECT pg_catalog.current_setting('server_version_num') AS version, pg_catalog.count(*) AS columns
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid >= 16384 AND a.attoptions::text LIKE '%pg\_attver=%'
