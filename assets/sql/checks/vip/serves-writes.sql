SELECT 'it is a standby' AS what WHERE pg_is_in_recovery()
