SELECT count(*) AS rows, coalesce(sum({hash}), 0) AS sum FROM {table} WHERE {where}
