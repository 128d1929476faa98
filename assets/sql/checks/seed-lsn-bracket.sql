SELECT confirmed_flush_lsn AS slot_lsn, pg_current_wal_insert_lsn() AS insert_lsn
FROM pg_replication_slots
WHERE slot_name = {slot}
