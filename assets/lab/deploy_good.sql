-- A deployment that does what it should.
BEGIN;
ALTER TABLE shop.product ADD COLUMN weight_grams integer;
UPDATE shop.product SET weight_grams = 100;
CREATE INDEX product_title ON shop.product (title);
COMMIT;
