SELECT format('%I on %s', evtname, evtevent) AS what, format('ALTER EVENT TRIGGER %I DISABLE', evtname) AS fix
FROM pg_event_trigger
WHERE evtenabled <> 'D' AND evtname !~ '^(rds|dts)'
ORDER BY 1
