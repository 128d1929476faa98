SELECT line_number, type, auth_method, coalesce(address, '') AS address, error,
       error IS NULL AND type <> 'local' AND database && ARRAY['all', current_database()::text]
           AND user_name && ARRAY['all', {replication_role}] AS matches
FROM pg_hba_file_rules
ORDER BY line_number
