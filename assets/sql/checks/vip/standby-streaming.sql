SELECT CASE WHEN r.status IS NULL THEN 'it receives nothing: no walreceiver'
            WHEN r.status <> 'streaming' THEN format('its walreceiver is %s', r.status)
            ELSE format('it follows %s, not %s', r.sender_host, {primary}) END AS what
  FROM (SELECT 1) AS one LEFT JOIN pg_stat_wal_receiver r ON true
 WHERE r.status IS DISTINCT FROM 'streaming' OR r.sender_host IS DISTINCT FROM {primary}
