SELECT (SELECT count(*)
          FROM pg_logical_slot_peek_binary_changes(s.slot_name, NULL, NULL,
                 'proto_version', '1', 'publication_names', quote_ident({publication})) c
         WHERE c.lsn > {fenced_at}::pg_lsn
           AND get_byte(c.data, 0) IN (ascii('I'), ascii('U'), ascii('D'), ascii('T'))) AS changes
  FROM pg_replication_slots s
 WHERE s.slot_name = {slot}
