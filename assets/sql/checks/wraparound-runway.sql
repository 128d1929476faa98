SELECT format('%I (transaction ids %s, multixacts %s old)', datname, age(datfrozenxid), mxid_age(datminmxid)) AS what
FROM pg_database
WHERE age(datfrozenxid) > 1200000000 OR mxid_age(datminmxid) > 1200000000
ORDER BY age(datfrozenxid) DESC
