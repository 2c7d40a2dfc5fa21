-- PostgreSQL: one role owns the tables and migrates them, another works with what is in them. Run as a superuser:
--   psql -v owner_password=… -v password=… -f grants.sql
CREATE ROLE tutorwamp_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE tutorwamp LOGIN PASSWORD :'password';
CREATE DATABASE tutorwamp OWNER tutorwamp_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE tutorwamp FROM PUBLIC;
GRANT CONNECT ON DATABASE tutorwamp TO tutorwamp;
\connect tutorwamp
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO tutorwamp_owner;
GRANT USAGE ON SCHEMA public TO tutorwamp;
-- Tables of later migrations too.
ALTER DEFAULT PRIVILEGES FOR ROLE tutorwamp_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tutorwamp;
ALTER DEFAULT PRIVILEGES FOR ROLE tutorwamp_owner IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO tutorwamp;
