SELECT (SELECT sum(w.size)::bigint FROM pg_ls_waldir() w) AS kept,
       s.wal_status, s.safe_wal_size, s.slot_name IS NOT NULL AS slot
  FROM (SELECT 1) AS one
  LEFT JOIN (SELECT slot_name, to_jsonb(r) ->> 'wal_status' AS wal_status,
                    to_jsonb(r) ->> 'safe_wal_size' AS safe_wal_size
               FROM pg_replication_slots r WHERE slot_name = {slot}) AS s ON true
