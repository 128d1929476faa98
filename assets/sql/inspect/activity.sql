SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE usename = ANY ({roles})) AS sessions,
       (SELECT (extract(epoch FROM pg_catalog.max(pg_catalog.clock_timestamp() - xact_start)) * 1000)::bigint
        FROM pg_catalog.pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()
          AND application_name !~ '^greenlight') AS longest_ms,
       (SELECT pg_catalog.sum(xact_commit)::bigint FROM pg_catalog.pg_stat_database) AS commits
