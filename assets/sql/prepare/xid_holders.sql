SELECT format('pid %s %s in %s for %s s', a.pid, quote_ident(a.usename), quote_ident(a.datname),
              round(extract(epoch FROM clock_timestamp() - a.xact_start)::numeric)) AS holder
  FROM pg_stat_activity a
 WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid()
UNION ALL
SELECT format('prepared transaction %s of %s', quote_literal(p.gid), quote_ident(p.owner)) FROM pg_prepared_xacts p
