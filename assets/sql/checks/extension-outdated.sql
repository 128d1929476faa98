SELECT format('%I %s (%s is there)', name, installed_version, default_version) AS what,
       format('ALTER EXTENSION %I UPDATE', name) AS fix
FROM pg_available_extensions
WHERE installed_version IS NOT NULL AND installed_version <> default_version
ORDER BY name
