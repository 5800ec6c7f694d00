-- The extension and the roles stay: `rfdata up` made them.
DROP FUNCTION governance.refuse_change();
DROP FUNCTION governance.stamp_updated_at();
DROP SCHEMA governance;
DROP SCHEMA knowledge;
DROP SCHEMA audit;
DROP SCHEMA research;
DROP SCHEMA session;
DROP SCHEMA identity;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
