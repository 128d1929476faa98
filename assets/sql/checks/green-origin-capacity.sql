SELECT coalesce((SELECT setting::int FROM pg_settings WHERE name = 'max_active_replication_origins'),
                current_setting('max_replication_slots')::int) AS origins,
       (SELECT count(*) FROM pg_replication_origin
        WHERE roname NOT IN (SELECT 'pg_' || subid FROM pg_stat_subscription WHERE subname = {subscription})) AS origins_used,
       current_setting('max_logical_replication_workers')::int AS workers,
       current_setting('max_worker_processes')::int AS processes
