SELECT json_build_array(
           current_setting('server_encoding'),
           hashint4extended(-7, 3), hashint2extended('-7', 3), hashint8extended(-7000000000, 3), hashoidextended('4000000000', 3),
           hashcharextended('x', 3), hashtextextended('Größe' COLLATE "C", 3), hashbpcharextended('x  ' COLLATE "C", 3),
           hashfloat4extended('1.5', 3), hashfloat8extended('-2.5e300', 3), hash_numeric_extended(-12345.678, 3),
           time_hash_extended('12:34:56.789', 3), timetz_hash_extended('12:34:56.789+02', 3),
           timestamp_hash_extended('2024-02-29 12:34:56.789', 3), interval_hash_extended('1 mon 2 days 3 h', 3),
           uuid_hash_extended('6f2c1f0a-93f4-4b8e-9f0e-0d2b4c8e7a11', 3), hashinetextended('192.0.2.7/24', 3),
           hashmacaddrextended('08:00:2b:01:02:03', 3), hashmacaddr8extended('08:00:2b:01:02:03:04:05', 3),
           hash_array_extended(ARRAY['\x00ff'::bytea], 3), hash_array_extended(ARRAY['2024-02-29'::date], 3),
           1.1::float4::text, '1e-7'::float8::text, '{1.10,NULL}'::numeric[]::text, '2024-02-29 12:34:56.789+02'::timestamptz::text,
           '1 mon 2 days -3 h'::interval::text, '\x00ff'::bytea::text, '12.5'::money::text) AS answers
