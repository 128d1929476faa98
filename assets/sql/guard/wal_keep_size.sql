SELECT setting::bigint AS megabytes FROM pg_settings WHERE name = 'wal_keep_size'
