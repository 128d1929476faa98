SELECT format('%I.%I', n.nspname, c.relname) AS name, r.srsubstate AS state
FROM pg_subscription_rel r
JOIN pg_class c ON c.oid = r.srrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.srsubid = (SELECT s.oid FROM pg_subscription s WHERE s.subname = {subscription} AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()))
ORDER BY 1
