SELECT format('%I (%s in %I)', slot_name, plugin, database) AS what,
       format('SELECT pg_drop_replication_slot(%L)', slot_name) AS fix
FROM pg_replication_slots
WHERE slot_type = 'logical' AND slot_name <> ALL ({reverse_slots})
ORDER BY 1
