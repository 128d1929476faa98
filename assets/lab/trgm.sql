-- An extension of the shop's, where the builds of both versions hold it.
CREATE EXTENSION pg_trgm;
CREATE INDEX customer_name_trgm ON shop.customer USING gin (name gin_trgm_ops);
