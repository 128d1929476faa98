SELECT format('slot %I %s', s.slot_name,
              CASE WHEN to_jsonb(s)->>'wal_status' = 'lost' THEN 'is lost' ELSE 'is not in use and keeps WAL' END) AS what
  FROM pg_replication_slots s
 WHERE NOT s.temporary AND s.slot_name NOT LIKE 'greenlight\_%'
   AND (NOT s.active OR to_jsonb(s)->>'wal_status' = 'lost')
 ORDER BY s.slot_name
