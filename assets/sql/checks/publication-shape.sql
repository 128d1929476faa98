SELECT p.pubinsert AND p.pubupdate AND p.pubdelete AS writes, p.puballtables AS all_tables,
       coalesce((to_jsonb(p)->>'pubtruncate')::bool, true) AS truncates,
       coalesce((to_jsonb(p)->>'pubviaroot')::bool, true)
           OR NOT EXISTS (SELECT FROM pg_class WHERE relkind = 'p') AS partitions_by_root
FROM pg_publication p
WHERE p.pubname = {publication}
