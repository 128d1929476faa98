SELECT count(*) AS objects, pg_size_pretty(pg_total_relation_size('pg_largeobject')) AS size
FROM pg_largeobject_metadata
