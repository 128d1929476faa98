-- The versions by which libc and ICU sort, as one collation of each names them; before 13 libc's is not told.
SELECT concat_ws(', ', substring(version() FROM ' on ([^,]+),'),
                 (SELECT string_agg(told, ', ' ORDER BY told)
                    FROM (SELECT DISTINCT ON (collprovider)
                                 CASE collprovider WHEN 'c' THEN 'libc ' ELSE 'ICU ' END || pg_collation_actual_version(oid) AS told
                            FROM pg_collation
                           WHERE collprovider IN ('c', 'i') AND collname NOT IN ('C', 'POSIX') AND collname NOT LIKE 'C.%'
                             AND pg_collation_actual_version(oid) IS NOT NULL
                           ORDER BY collprovider, collname) AS one)) AS platform
