SELECT format('%s in %I as %I: %s', schedule, database, username, left(command, 80)) AS what,
       format('UPDATE cron.job SET active = false WHERE jobid = %s', jobid) AS fix
FROM cron.job
WHERE active
ORDER BY jobid
