SELECT CASE WHEN r.oid IS NULL THEN format('%I does not exist', f.name)
            WHEN r.rolname = me.rolname THEN format('%I is the tool''s own role', f.name)
            ELSE format('%I may not be altered by %I', f.name, me.rolname) END AS what,
       CASE WHEN r.oid IS NOT NULL AND r.rolname <> me.rolname AND NOT r.rolsuper
            THEN format('GRANT %I TO %I WITH ADMIN OPTION', f.name, me.rolname) END AS fix
FROM unnest({fence}) AS f(name)
CROSS JOIN pg_roles me
LEFT JOIN pg_roles r ON r.rolname = f.name
WHERE me.rolname = current_user
  AND (r.oid IS NULL OR r.rolname = me.rolname
       OR NOT me.rolsuper
          AND (r.rolsuper OR NOT me.rolcreaterole
               OR current_setting('server_version_num')::int >= 160000
                  AND NOT pg_has_role(current_user, r.oid, 'MEMBER WITH ADMIN OPTION')))
ORDER BY f.name
