SELECT format('%I is no superuser', current_user) AS what
 WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
