-- Roles of the sample shop: owners, applications (one with a hostile name), a reader, a group.
CREATE ROLE shop_owner NOLOGIN;
CREATE ROLE shop_writers NOLOGIN;
CREATE ROLE shop_app LOGIN IN ROLE shop_writers;
CREATE ROLE shop_report LOGIN CONNECTION LIMIT 10;
CREATE ROLE "App-Three" LOGIN IN ROLE shop_writers;
ALTER ROLE shop_report SET default_transaction_read_only = on;
