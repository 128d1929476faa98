SELECT (SELECT string_agg(quote_ident(rolname), ', ' ORDER BY rolname)
          FROM pg_roles WHERE rolcanlogin AND rolname = ANY ({roles})) AS can_log_in,
       (SELECT string_agg(format('pid %s %s (%s) in %s', pid, quote_ident(usename), application_name, quote_ident(datname)), '; ')
          FROM pg_stat_activity
         WHERE datname = ANY ({databases}) AND pid <> pg_backend_pid()
           AND backend_type IN ('client backend', 'parallel worker', 'background worker')
           AND usename <> ALL ({ignore}) AND usename <> 'rdsadmin') AS sessions,
       (SELECT string_agg(quote_literal(gid), ', ') FROM pg_prepared_xacts) AS prepared
