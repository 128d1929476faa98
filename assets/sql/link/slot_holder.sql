SELECT format('process %s of role %s (%s, from %s)', a.pid, coalesce(quote_ident(a.usename), '?'),
              coalesce(nullif(a.application_name, ''), 'no name'), coalesce(host(a.client_addr), 'this host')) AS holder
  FROM pg_replication_slots s
  JOIN pg_stat_activity a ON a.pid = s.active_pid
 WHERE s.slot_name = {slot}
