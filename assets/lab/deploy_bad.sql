-- A deployment that goes wrong: an update without its WHERE, a table too many dropped.
BEGIN;
UPDATE shop.product SET price = 0;
UPDATE shop.customer SET name = 'Test Customer';
COMMIT;
DROP TABLE shop.line CASCADE;
