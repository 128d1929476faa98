SELECT format('%I (%s, confirmed up to %s)', slot_name,
              CASE WHEN active THEN 'active for process ' || active_pid ELSE 'inactive' END, confirmed_flush_lsn) AS what
FROM pg_replication_slots
WHERE slot_name = {slot}
