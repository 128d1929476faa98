CREATE ROLE app LOGIN;
CREATE ROLE "App-Three" LOGIN CONNECTION LIMIT 7 VALID UNTIL '2030-01-01 00:00:00+00';
CREATE ROLE readers;
GRANT readers TO app;
ALTER ROLE app SET work_mem = '8MB';
ALTER SCHEMA public OWNER TO CURRENT_USER;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO PUBLIC;
CREATE SCHEMA shop;
CREATE SCHEMA "it's ""a"" {schema} %s";
CREATE TABLE "it's ""a"" {schema} %s"."naïve
table" ("Col umn" int PRIMARY KEY, "sel'ect" text DEFAULT 'x''y\z');
CREATE TYPE shop.mood AS ENUM ('sad', 'ok', 'it''s');
CREATE DOMAIN shop.positive AS int NOT NULL DEFAULT 1 CHECK (VALUE > 0);
CREATE TYPE shop.pair AS (a int, b text COLLATE "C");
CREATE TYPE shop.span AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE TABLE shop.customers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(80) NOT NULL, mood shop.mood, n shop.positive,
  doubled int GENERATED ALWAYS AS (3 * 2) STORED, note text COLLATE "C", data json, CONSTRAINT named CHECK (length(name) > 0)
) WITH (fillfactor = 80, autovacuum_enabled = false);
ALTER TABLE shop.customers REPLICA IDENTITY FULL;
ALTER TABLE shop.customers ALTER COLUMN note SET STORAGE EXTERNAL;
ALTER TABLE shop.customers ALTER COLUMN note SET STATISTICS 77;
CREATE TABLE shop.orders (
  id serial PRIMARY KEY, customer bigint REFERENCES shop.customers, at timestamptz DEFAULT now(), total numeric(10, 2), gone int
);
ALTER TABLE shop.orders DROP COLUMN gone;
CREATE UNIQUE INDEX orders_at ON shop.orders (at DESC, lower(total::text)) WHERE total > 3;
ALTER TABLE shop.orders ADD CONSTRAINT unchecked CHECK (total < 1000000) NOT VALID;
CREATE STATISTICS shop.orders_stats (ndistinct) ON customer, at FROM shop.orders;
CREATE TABLE shop.log (at date NOT NULL, id int NOT NULL, customer bigint REFERENCES shop.customers, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE shop.log_1 PARTITION OF shop.log FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE shop.log_rest PARTITION OF shop.log DEFAULT;
CREATE TABLE shop.refers (at date, id int, FOREIGN KEY (at, id) REFERENCES shop.log);
CREATE TABLE shop.base (a int, b int);
CREATE TABLE shop.derived (c int) INHERITS (shop.base);
CREATE UNLOGGED TABLE shop.scratch (x int);
CREATE SEQUENCE shop."Odd-Seq" INCREMENT -2 MINVALUE -100 MAXVALUE 50 START 40 CACHE 3 CYCLE;
CREATE VIEW shop.one AS SELECT o.id, o.total AS amount FROM shop.orders o WHERE o.total > 1 ORDER BY o.id;
CREATE VIEW shop.both_sides WITH (security_barrier) AS
  SELECT o.id, c.name, (SELECT max(x.total) FROM shop.orders x) AS most FROM shop.orders o JOIN shop.customers c ON c.id = o.customer;
CREATE MATERIALIZED VIEW shop.sums AS SELECT customer, sum(total) AS total FROM shop.orders GROUP BY customer;
CREATE INDEX sums_customer ON shop.sums (customer);
CREATE FUNCTION shop.total(bigint) RETURNS numeric LANGUAGE sql STABLE SET work_mem = '4MB'
  AS 'SELECT sum(total) FROM shop.orders WHERE customer = $1';
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE PROCEDURE shop.tidy(days int, INOUT done int) LANGUAGE plpgsql AS 'BEGIN done := days; END';
CREATE AGGREGATE shop.product(int) (SFUNC = int4mul, STYPE = int, INITCOND = '1');
CREATE OPERATOR shop.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
CREATE FUNCTION shop.to_pair(int) RETURNS shop.pair LANGUAGE sql AS 'SELECT ROW($1, NULL)::shop.pair';
CREATE CAST (int AS shop.pair) WITH FUNCTION shop.to_pair(int);
CREATE COLLATION shop.plain (locale = 'C');
CREATE TEXT SEARCH DICTIONARY shop.words (TEMPLATE = simple, ACCEPT = false);
CREATE TEXT SEARCH CONFIGURATION shop.search (COPY = pg_catalog.simple);
CREATE TRIGGER orders_touch BEFORE UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE TRIGGER log_touch AFTER INSERT ON shop.log FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE RULE quiet AS ON DELETE TO shop.scratch DO INSTEAD NOTHING;
ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_orders ON shop.orders FOR SELECT TO app, readers USING (customer = 1);
CREATE FOREIGN DATA WRAPPER wrapper;
CREATE SERVER far FOREIGN DATA WRAPPER wrapper OPTIONS (host 'far');
CREATE USER MAPPING FOR app SERVER far OPTIONS (password 'hush');
CREATE FOREIGN TABLE shop.remote (a int) SERVER far OPTIONS (tab 'x');
CREATE FUNCTION shop.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watcher ON ddl_command_end EXECUTE FUNCTION shop.watch();
CREATE PUBLICATION listed FOR TABLE shop.orders WITH (publish = 'insert');
CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere' PUBLICATION listed WITH (connect = false, slot_name = NONE);
COMMENT ON TABLE shop.orders IS 'orders';
COMMENT ON COLUMN shop.orders.total IS 'gross';
GRANT SELECT, INSERT ON shop.orders TO app;
GRANT SELECT (name) ON shop.customers TO readers;
GRANT ALL ON shop.base TO CURRENT_USER;
GRANT USAGE ON SCHEMA shop TO app, readers;
ALTER TABLE shop.base OWNER TO app;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO readers;
