SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system())::text AS system,
       (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()) AS timeline,
       pg_catalog.pg_postmaster_start_time()::text AS started
