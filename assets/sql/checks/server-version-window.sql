SELECT current_setting('server_version_num') AS version, version() AS banner
