SELECT subslotname AS slot
  FROM pg_subscription
 WHERE subenabled AND subslotname IS NOT NULL
   AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
