SELECT format('the last attempt to archive failed: %s at %s', last_failed_wal, date_trunc('second', last_failed_time)) AS what
  FROM pg_stat_archiver
 WHERE current_setting('archive_mode') <> 'off' AND last_failed_time > coalesce(last_archived_time, '-infinity')
