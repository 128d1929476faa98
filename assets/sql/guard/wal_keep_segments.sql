SELECT k.setting::bigint * s.setting::bigint / CASE s.unit WHEN 'B' THEN 1048576 ELSE 128 END AS megabytes
  FROM pg_settings k, pg_settings s
 WHERE k.name = 'wal_keep_segments' AND s.name = 'wal_segment_size'
