SELECT array_to_json(ARRAY[({hash})::text])::text AS key, count(*) AS value, '' AS version FROM {table} WHERE {where} GROUP BY {hash}
