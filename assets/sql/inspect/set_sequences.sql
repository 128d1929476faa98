SELECT pg_catalog.set_config('synchronous_commit', 'on', true),
       pg_catalog.pg_logical_emit_message(true, 'greenlight', 'sequences'),
       (SELECT pg_catalog.count(pg_catalog.setval(pg_catalog.format('%I.%I', s.schema, s.name)::pg_catalog.regclass, s.value, s.called))
        FROM unnest({schemas}, {names}, {values}::bigint[], {called}::boolean[]) AS s(schema, name, value, called)) AS sequences
