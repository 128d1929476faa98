SELECT 'it is a primary: two servers take writes' AS what WHERE NOT pg_is_in_recovery()
