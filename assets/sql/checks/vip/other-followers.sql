SELECT format('%s at %s', application_name, coalesce(host(client_addr), 'a local socket')) AS what
  FROM pg_stat_replication
 WHERE application_name NOT IN ({standby}, 'walreceiver') AND application_name !~ '^pg_(basebackup|receivewal|recvlogical|rewind)'
   AND host(client_addr) IS DISTINCT FROM {standby_host}
 ORDER BY 1
