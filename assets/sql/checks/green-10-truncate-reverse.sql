SELECT current_setting('server_version_num') AS version,
       (SELECT to_jsonb(p)->>'pubtruncate' FROM pg_publication p WHERE p.pubname = {publication}) AS truncates
