SELECT datname AS name
FROM pg_database
WHERE NOT datistemplate AND datallowconn AND datname <> 'rdsadmin' AND datname <> ALL ({databases})
ORDER BY datname
