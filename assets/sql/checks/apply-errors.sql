SELECT x.apply_error_count AS apply_errors,
       coalesce((to_jsonb(x)->>'confl_update_missing')::bigint, 0) + coalesce((to_jsonb(x)->>'confl_delete_missing')::bigint, 0) AS missing
FROM pg_stat_subscription_stats x
WHERE x.subid = (SELECT s.oid FROM pg_subscription s WHERE s.subname = {subscription} AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()))
