SELECT format('%s = %s', name, quote_literal(setting)) AS what
  FROM pg_settings
 WHERE (name = 'recovery_min_apply_delay' AND setting <> '0')
    OR (name IN ('recovery_target', 'recovery_target_lsn', 'recovery_target_name', 'recovery_target_time', 'recovery_target_xid')
        AND setting <> '')
    OR (name = 'recovery_target_timeline' AND setting <> 'latest')
 ORDER BY name
