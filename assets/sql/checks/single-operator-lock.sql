SELECT a.pid, coalesce(a.usename::text, '?') AS role, coalesce(host(a.client_addr), 'local') AS client,
       a.application_name, a.backend_start::text AS since, l.pid IS NOT NULL AS holds
FROM pg_stat_activity a
LEFT JOIN pg_locks l ON l.pid = a.pid AND l.locktype = 'advisory' AND l.granted
                    AND l.classid = {class} AND l.objid = {object} AND l.objsubid = 2
WHERE (l.pid IS NOT NULL OR a.application_name LIKE 'greenlight:%')
  AND a.pid <> pg_backend_pid()
  AND a.application_name <> {own}
  AND left(a.application_name, length({own}) + 1) <> {own} || ':'
ORDER BY holds DESC, a.backend_start
