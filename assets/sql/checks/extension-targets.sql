SELECT format('%I %s (%s)', b.name, b.version,
              coalesce('GREEN has ' || (SELECT string_agg(v.version, ', ' ORDER BY v.version)
                                        FROM pg_available_extension_versions v WHERE v.name = b.name), 'not on GREEN')) AS what
FROM unnest({names}, {versions}) AS b(name, version)
WHERE NOT EXISTS (SELECT FROM pg_available_extension_versions v WHERE v.name = b.name AND v.version = b.version)
ORDER BY 1
