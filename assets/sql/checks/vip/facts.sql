SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system,
       current_setting('server_version_num')::int / 10000 AS major,
       current_setting('data_directory') AS data,
       (SELECT json_object_agg(name, setting::int) FROM pg_settings
         WHERE name IN ('max_connections', 'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions',
                        'max_locks_per_transaction'))::text AS sizes
