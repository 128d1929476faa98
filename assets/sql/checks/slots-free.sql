SELECT current_setting('max_replication_slots')::int AS slots,
       (SELECT count(*) FROM pg_replication_slots WHERE slot_name <> ALL ({slots})) AS slots_used,
       current_setting('max_wal_senders')::int AS senders,
       (SELECT count(*) FROM pg_stat_replication WHERE application_name NOT IN ({subscription}, {reverse_subscription})) AS senders_used
