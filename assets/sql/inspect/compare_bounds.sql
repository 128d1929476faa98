SELECT bound
  FROM (SELECT array_to_json(ARRAY[{key}])::text AS bound,
               row_number() OVER (ORDER BY {order}) AS place,
               count(*) OVER () AS sampled
          FROM {table} TABLESAMPLE SYSTEM ({percent}::float4)) AS sample
 WHERE place % greatest(sampled / {parts}, 1) = 0
 ORDER BY place
