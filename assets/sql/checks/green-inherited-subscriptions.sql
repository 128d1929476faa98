SELECT format('%I (slot %s, %s)', subname, coalesce(quote_ident(subslotname), 'none'),
              CASE WHEN subenabled THEN 'enabled' ELSE 'disabled' END) AS what,
       format('ALTER SUBSCRIPTION %1$I DISABLE; ALTER SUBSCRIPTION %1$I SET (slot_name = NONE); DROP SUBSCRIPTION %1$I', subname) AS fix
FROM pg_subscription
WHERE subname <> {subscription} AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY 1
