SELECT n.nspname AS schema, c.relname AS name, s.seqincrement > 0 AS ascending
  FROM pg_sequence s
  JOIN pg_class c ON c.oid = s.seqrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT s.seqcycle
