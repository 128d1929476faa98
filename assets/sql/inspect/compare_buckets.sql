SELECT {identity} & {mask} AS bucket, count(*) AS rows, sum({hash}) AS sum FROM {table} WHERE {where} GROUP BY 1
