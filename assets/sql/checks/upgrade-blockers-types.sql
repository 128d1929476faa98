SELECT format('%s.%I (%s)', c.oid::regclass, a.attname, format_type(a.atttypid, NULL)) AS what
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'i', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema})
  AND (format_type(a.atttypid, NULL) ~ '^(regproc|regprocedure|regoper|regoperator|regconfig|regdictionary|regnamespace|regcollation|unknown)(\[\])?$'
       OR {target} >= 12 AND format_type(a.atttypid, NULL) ~ '^(abstime|reltime|tinterval)(\[\])?$'
       OR {target} >= 16 AND format_type(a.atttypid, NULL) ~ '^aclitem(\[\])?$'
       OR {target} >= 12 AND current_setting('server_version_num')::int < 120000
          AND format_type(a.atttypid, NULL) ~ '^information_schema\.sql_identifier(\[\])?$')
ORDER BY 1
