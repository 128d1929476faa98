SELECT format('foreign server %I', srvname) AS what FROM pg_foreign_server
UNION ALL
SELECT format('foreign table %s', ftrelid::regclass) FROM pg_foreign_table
UNION ALL
SELECT format('extension %I', extname) FROM pg_extension
WHERE extname IN ('dblink', 'postgres_fdw', 'aws_s3', 'aws_lambda', 'oracle_fdw', 'mysql_fdw', 'tds_fdw')
ORDER BY 1
