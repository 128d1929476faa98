SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system())::text AS system,
       (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()) AS timeline,
       -- After the crash of a process the postmaster stays; what it then starts anew is the checkpointer.
       greatest(pg_catalog.pg_postmaster_start_time(),
                (SELECT max(backend_start) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'checkpointer'))::text AS started
