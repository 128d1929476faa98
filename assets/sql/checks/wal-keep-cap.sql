SELECT name, setting, unit
FROM pg_settings
WHERE name IN ('max_slot_wal_keep_size', 'idle_replication_slot_timeout', 'wal_sender_timeout')
ORDER BY name
