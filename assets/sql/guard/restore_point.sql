SELECT pg_create_restore_point({name}) AS lsn
