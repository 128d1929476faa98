SELECT format('synchronous_standby_names = %s', quote_literal(setting)) AS what
  FROM pg_settings WHERE name = 'synchronous_standby_names' AND setting <> ''
