SELECT xact_commit AS commits, tup_inserted + tup_updated + tup_deleted AS rows_written
FROM pg_stat_database
WHERE datname = current_database()
