SELECT 'neither wal_log_hints nor data checksums are on' AS what
 WHERE current_setting('wal_log_hints') = 'off' AND current_setting('data_checksums') = 'off'
 UNION ALL
SELECT 'full_page_writes is off' WHERE current_setting('full_page_writes') = 'off'
