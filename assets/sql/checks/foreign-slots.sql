SELECT format('%I (%s%s%s, retains %s%s)', s.slot_name, s.slot_type, coalesce(' ' || s.plugin, ''),
              coalesce(' in ' || quote_ident(s.database), ''),
              coalesce(pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)), 'nothing'),
              CASE WHEN to_jsonb(s)->>'wal_status' = 'lost' THEN ', lost'
                   WHEN s.active THEN ', active' ELSE ', inactive' END) AS what
FROM pg_replication_slots s
WHERE s.slot_name <> ALL ({slots}) AND s.slot_name !~ '^rds_'
ORDER BY pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn) DESC NULLS LAST
