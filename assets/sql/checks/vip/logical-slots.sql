SELECT format('slot %I of %I', s.slot_name, s.database) AS what
  FROM pg_replication_slots s
 WHERE s.slot_type = 'logical' AND coalesce(to_jsonb(s)->>'failover', 'false') <> 'true' ORDER BY 1
