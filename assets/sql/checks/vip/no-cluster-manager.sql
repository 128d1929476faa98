SELECT DISTINCT format('%s is connected', application_name) AS what
  FROM pg_stat_activity WHERE application_name ~* '^(patroni|repmgr|pg_auto_failover|stolon)'
 UNION
SELECT format('it was started with cluster_name = %s on its command line, as Patroni does', quote_literal(setting))
  FROM pg_settings WHERE name = 'cluster_name' AND source = 'command line'
 UNION
SELECT 'the library repmgr is loaded' FROM pg_settings WHERE name = 'shared_preload_libraries' AND setting ~ '\mrepmgr\M'
