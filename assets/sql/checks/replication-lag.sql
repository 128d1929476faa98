SELECT s.active, coalesce(to_jsonb(s)->>'wal_status', 'reserved') AS wal_status,
       pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn)::bigint AS lag
FROM pg_replication_slots s
WHERE s.slot_name = {slot}
