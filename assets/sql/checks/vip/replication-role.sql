SELECT CASE WHEN r.rolname IS NULL THEN format('there is no role %I', {role})
            WHEN NOT r.rolcanlogin THEN format('role %I cannot log in', {role})
            ELSE format('role %I may not replicate', {role}) END AS what
  FROM (SELECT 1) AS one LEFT JOIN pg_roles r ON r.rolname = {role}
 WHERE r.rolname IS NULL OR NOT r.rolcanlogin OR NOT (r.rolreplication OR r.rolsuper)
