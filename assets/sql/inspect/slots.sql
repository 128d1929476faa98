SELECT s.slot_name, to_jsonb(s)->>'wal_status' AS wal_status, (to_jsonb(s)->>'safe_wal_size')::bigint AS room
FROM pg_catalog.pg_replication_slots s
WHERE s.slot_name = ANY ({slots})
