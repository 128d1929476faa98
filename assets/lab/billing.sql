-- The second database: smaller, so that what is per database is seen to be done for each.
CREATE SCHEMA billing AUTHORIZATION shop_owner;
SET ROLE shop_owner;
CREATE TABLE billing.invoice (
    id integer GENERATED ALWAYS AS IDENTITY (START WITH 5000) PRIMARY KEY,
    number text NOT NULL UNIQUE,
    amount numeric(12, 2) NOT NULL,
    period daterange NOT NULL,
    EXCLUDE USING gist (period WITH &&) WHERE (amount < 0)
);
INSERT INTO billing.invoice (number, amount, period)
    SELECT 'R-' || g, g, daterange(date '2025-01-01' + g, date '2025-01-02' + g) FROM generate_series(1, 300) AS g;
GRANT USAGE ON SCHEMA billing TO shop_writers, shop_report;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA billing TO shop_writers;
RESET ROLE;
