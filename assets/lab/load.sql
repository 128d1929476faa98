-- What the audited writers write. `once` has a key; `loose` has none, so that a row applied twice shows.
CREATE SCHEMA audit_load AUTHORIZATION shop_owner;
SET ROLE shop_owner;
CREATE TABLE audit_load.once (
    writer integer NOT NULL,
    seq bigint NOT NULL,
    note text NOT NULL,
    PRIMARY KEY (writer, seq)
);
CREATE TABLE audit_load.loose (
    writer integer NOT NULL,
    seq bigint NOT NULL
);
ALTER TABLE audit_load.loose REPLICA IDENTITY FULL;
CREATE TABLE audit_load.balance (
    writer integer PRIMARY KEY,
    changes bigint NOT NULL,
    last_seq bigint NOT NULL
);
GRANT USAGE ON SCHEMA audit_load TO shop_writers;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA audit_load TO shop_writers;
RESET ROLE;
