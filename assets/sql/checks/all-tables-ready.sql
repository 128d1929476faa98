SELECT format('%s (%s)', r.srrelid::regclass,
              CASE r.srsubstate WHEN 'i' THEN 'not begun' WHEN 'd' THEN 'being copied' WHEN 'f' THEN 'copied' ELSE 'synchronized' END) AS what
FROM pg_subscription_rel r
WHERE r.srsubid = (SELECT subid FROM pg_stat_subscription WHERE subname = {subscription} AND relid IS NULL LIMIT 1)
  AND r.srsubstate <> 'r'
ORDER BY 1
