SELECT encode(c.data, 'base64') AS data
  FROM pg_logical_slot_peek_binary_changes({slot}, {upto}, NULL,
         'proto_version', '1', 'publication_names', quote_ident({publication})) c
 WHERE get_byte(c.data, 0) IN (ascii('R'), ascii('C'))
    OR (get_byte(c.data, 0) = ascii('I') AND length(c.data) < 200)
