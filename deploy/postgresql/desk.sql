-- Roles and database of a desk, once, as a superuser:
--   sudo -u postgres psql -v ON_ERROR_STOP=1 -v password="$(cat desk.password)" -f desk.sql
-- The desk logs in as the owner and works as one of two roles that nobody logs in as:
-- scudo_desk does its work, scudo_tenant reads the rows of one customer.
CREATE ROLE scudo_desk NOLOGIN;
CREATE ROLE scudo_tenant NOLOGIN;
CREATE ROLE scudo_owner LOGIN PASSWORD :'password';
GRANT scudo_desk, scudo_tenant TO scudo_owner;
CREATE DATABASE scudo OWNER scudo_owner ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0;
-- The roles are the whole server's: no other database lets them in, nor this one others.
REVOKE CONNECT ON DATABASE scudo FROM PUBLIC;
