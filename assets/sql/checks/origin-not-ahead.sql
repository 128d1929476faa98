SELECT format('%I: confirmed up to %s, BLUE has written only %s', slot_name, confirmed_flush_lsn, pg_current_wal_lsn()) AS what
FROM pg_replication_slots
WHERE slot_type = 'logical' AND database = current_database() AND confirmed_flush_lsn > pg_current_wal_lsn()
ORDER BY 1
