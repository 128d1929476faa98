SELECT name, setting, source
FROM pg_settings
WHERE name IN ('max_connections', 'shared_buffers', 'work_mem', 'maintenance_work_mem', 'effective_cache_size', 'random_page_cost',
               'jit', 'default_text_search_config', 'bytea_output', 'standard_conforming_strings', 'max_prepared_transactions',
               'password_encryption', 'row_security', 'autovacuum', 'track_commit_timestamp', 'max_locks_per_transaction',
               'temp_file_limit')
ORDER BY name
