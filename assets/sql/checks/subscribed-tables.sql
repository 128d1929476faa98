SELECT format('%I.%I', n.nspname, c.relname) AS name, r.srsubstate AS state
FROM pg_subscription_rel r
JOIN pg_class c ON c.oid = r.srrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.srsubid = (SELECT subid FROM pg_stat_subscription WHERE subname = {subscription} AND relid IS NULL LIMIT 1)
ORDER BY 1
