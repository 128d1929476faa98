SELECT format('%s in %I (prepared %s by %I)', quote_literal(gid), database, prepared, owner) AS what,
       format('ROLLBACK PREPARED %L', gid) AS fix
FROM pg_prepared_xacts
ORDER BY prepared
