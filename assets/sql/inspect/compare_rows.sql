SELECT array_to_json(ARRAY[{key}])::text AS key, {hash} AS value, xmin::text AS version FROM {table} WHERE {where}
