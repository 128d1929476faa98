SELECT name, setting, pending_restart
FROM pg_settings
WHERE name IN ('wal_level', 'rds.logical_replication')
ORDER BY name
