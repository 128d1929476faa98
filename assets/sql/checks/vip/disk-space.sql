SELECT pg_size_bytes(current_setting('max_wal_size')) AS wal,
       (SELECT sum(pg_database_size(oid))::bigint FROM pg_database) AS data
