-- Before 11 only the connection string names the sender's host.
SELECT CASE WHEN r.status IS NULL THEN 'it receives nothing: no walreceiver'
            WHEN r.status <> 'streaming' THEN format('its walreceiver is %s', r.status)
            ELSE format('it follows %s, not %s', r.host, {primary}) END AS what
  FROM (SELECT 1) AS one
  LEFT JOIN (SELECT w.status, coalesce(to_jsonb(w) ->> 'sender_host', substring(w.conninfo FROM '\mhost=(\S+)')) AS host
               FROM pg_stat_wal_receiver w) AS r ON true
 WHERE r.status IS DISTINCT FROM 'streaming' OR r.host IS DISTINCT FROM {primary}
