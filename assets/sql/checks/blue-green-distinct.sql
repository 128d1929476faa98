SELECT inet_server_addr()::text AS addr, inet_server_port() AS port, pg_postmaster_start_time()::text AS started,
       (SELECT system_identifier FROM pg_control_system())::text AS sysid
