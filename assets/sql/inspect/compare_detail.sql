SELECT array_to_json(ARRAY[{key}])::text AS key, array_to_json(ARRAY[{hashes}])::text AS hashes, array_to_json(ARRAY[{texts}])::text AS texts
  FROM {table} WHERE {where} LIMIT {limit}
