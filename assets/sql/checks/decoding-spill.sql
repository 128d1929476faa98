SELECT format('%I (%s in %s transactions)', slot_name, pg_size_pretty(spill_bytes), spill_txns) AS what
FROM pg_stat_replication_slots
WHERE spill_bytes > 0
ORDER BY spill_bytes DESC
