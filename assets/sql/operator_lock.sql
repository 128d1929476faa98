SELECT pg_try_advisory_lock({class}, {object}) AS got,
       (SELECT string_agg(format('pid %s, %s, from %s, since %s', a.pid, a.application_name,
                                 coalesce(host(a.client_addr), 'a local socket'), a.backend_start::timestamp(0)), '; ')
          FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE l.locktype = 'advisory' AND l.classid = {class} AND l.objid = {object} AND l.objsubid = 2
           AND l.pid <> pg_backend_pid()) AS holder
