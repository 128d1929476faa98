SELECT s.oid
  FROM pg_subscription s
 WHERE s.subname = {subscription}
   AND s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
