SELECT format('no line of pg_hba.conf lets %I in for replication', {role}) AS what
 WHERE NOT EXISTS (SELECT 1 FROM pg_hba_file_rules
                    WHERE error IS NULL AND type <> 'local' AND 'replication' = ANY (database)
                      AND (user_name && ARRAY['all', {role}]) AND auth_method <> 'reject')
