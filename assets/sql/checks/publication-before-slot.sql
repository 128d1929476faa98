SELECT age(p.xmin) AS publication_age, age(s.catalog_xmin) AS slot_age, s.active
FROM pg_publication p
JOIN pg_replication_slots s ON s.slot_name = {slot}
WHERE p.pubname = {publication}
