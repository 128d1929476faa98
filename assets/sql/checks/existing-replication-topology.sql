SELECT 'publication' AS kind, quote_ident(pubname) AS name, pubname = {publication} AS ours
FROM pg_publication
UNION ALL
SELECT 'subscription', quote_ident(subname), subname IN ({subscription}, {reverse_subscription})
FROM pg_subscription
WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY 1, 2
