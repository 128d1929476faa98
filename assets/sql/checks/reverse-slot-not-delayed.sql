SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = {reverse_slot}) AS ready,
       (SELECT string_agg(format('process %s of %s', pid, coalesce(usename::text, backend_type)), ', ' ORDER BY xact_start)
        FROM pg_stat_activity
        WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() AND application_name NOT LIKE 'greenlight:%'
          AND pid NOT IN (SELECT pid FROM pg_stat_subscription WHERE pid IS NOT NULL)) AS holders
