SELECT format('%I.%I%s', schemaname, matviewname, CASE WHEN ispopulated THEN '' ELSE ' (not populated)' END) AS what,
       format('REFRESH MATERIALIZED VIEW %I.%I', schemaname, matviewname) AS fix
FROM pg_matviews
ORDER BY 1
