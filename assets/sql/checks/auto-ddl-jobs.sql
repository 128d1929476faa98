SELECT extname AS name, extversion AS version
FROM pg_extension
WHERE extname IN ('pg_partman', 'timescaledb', 'citus', 'pglogical', 'pg_repack', 'postgis_topology', 'aws_lambda', 'pg_tle',
                  'plrust', 'pgagent', 'pgq', 'londiste', 'mimeo', 'pg_cron')
ORDER BY extname
