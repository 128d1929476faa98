SELECT pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype,
       coalesce(to_jsonb(d)->>'datlocprovider', 'c') AS provider,
       coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale', '') AS icu_locale
FROM pg_database d
WHERE d.datname = current_database()
