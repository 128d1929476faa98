SELECT format('%s (%s)', r.srrelid::regclass,
              CASE r.srsubstate WHEN 'i' THEN 'not begun' WHEN 'd' THEN 'being copied' WHEN 'f' THEN 'copied' ELSE 'synchronized' END) AS what
FROM pg_subscription_rel r
WHERE r.srsubid = (SELECT s.oid FROM pg_subscription s WHERE s.subname = {subscription} AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()))
  AND r.srsubstate <> 'r'
ORDER BY 1
