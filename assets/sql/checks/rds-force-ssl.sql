SELECT coalesce((SELECT setting FROM pg_settings WHERE name = 'rds.force_ssl'), 'off') AS forced,
       (SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
        WHERE NOT s.ssl AND a.backend_type = 'client backend' AND a.client_addr IS NOT NULL
          AND a.application_name NOT LIKE 'greenlight:%') AS plain
