SELECT s.ssl, coalesce(s.version, '') AS tls_version, coalesce(s.cipher, '') AS cipher,
       inet_client_addr() IS NULL OR inet_client_addr() <<= inet '127.0.0.0/8' OR inet_client_addr() = inet '::1'
           OR inet_client_addr() = inet_server_addr() AS local
FROM pg_stat_ssl s
WHERE s.pid = pg_backend_pid()
