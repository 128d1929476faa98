SELECT left(query, 80) AS what
FROM {statements}
WHERE query ~* '^\s*truncate'
ORDER BY calls DESC
LIMIT 20
