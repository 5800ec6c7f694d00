"""What a migration can leave behind, each with what takes it back and how the catalogue shows it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.migrations.conftest import OWNER

BASE = """
CREATE SCHEMA lab;
CREATE TYPE lab.colour AS ENUM ('red', 'green');
CREATE TYPE lab.pair AS (a int, b text);
CREATE DOMAIN lab.percent AS int CONSTRAINT fits CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE lab.parents (id uuid PRIMARY KEY, name text NOT NULL, size bigint);
CREATE TABLE lab.children (
    id uuid PRIMARY KEY,
    parent_id uuid NOT NULL CONSTRAINT of_parent REFERENCES lab.parents (id),
    note text, amount numeric(9, 2) DEFAULT 1, colour lab.colour
);
CREATE INDEX children_parent ON lab.children (parent_id);
CREATE TABLE lab.events (at timestamptz NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE lab.events_2025 (at timestamptz NOT NULL, what text);
CREATE VIEW lab.names AS SELECT id, name FROM lab.parents;
CREATE MATERIALIZED VIEW lab.sizes AS SELECT size FROM lab.parents;
CREATE SEQUENCE lab.numbers;
CREATE FUNCTION lab.twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
CREATE FUNCTION lab.stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION lab.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE PROCEDURE lab.work() LANGUAGE sql AS 'SELECT 1';
CREATE TRIGGER guard BEFORE UPDATE ON lab.children FOR EACH ROW EXECUTE FUNCTION lab.stop();
CREATE POLICY own ON lab.parents USING (name = 'a');
CREATE RULE quiet AS ON DELETE TO lab.parents DO INSTEAD NOTHING;
CREATE STATISTICS lab.together ON name, size FROM lab.parents;
CREATE TEXT SEARCH CONFIGURATION lab.plain (COPY = pg_catalog.simple);
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER far FOREIGN DATA WRAPPER nowhere;
CREATE PUBLICATION told FOR TABLE lab.parents;
"""


@dataclass(frozen=True)
class Drift:
    """A statement that leaves a trace, what takes it back, and a part of the line that shows it."""

    name: str
    do: str
    undo: str
    shown: str


DRIFTS = (
    Drift("schema", "CREATE SCHEMA other", "DROP SCHEMA other", "schema other: was left behind"),
    Drift("schema owner", f"ALTER SCHEMA lab OWNER TO {OWNER}", "ALTER SCHEMA lab OWNER TO postgres",
          f"schema lab: owner postgres before, {OWNER} after"),
    Drift("schema privilege", "GRANT USAGE ON SCHEMA lab TO rf_jobs",
          "REVOKE USAGE ON SCHEMA lab FROM rf_jobs",
          "schema lab: privileges: rf_jobs=U/postgres was left behind"),
    Drift("schema comment", "COMMENT ON SCHEMA lab IS 'x'", "COMMENT ON SCHEMA lab IS NULL",
          "schema lab: comment none before, x after"),
    Drift("public", "GRANT CREATE ON SCHEMA public TO rf_jobs",
          "REVOKE CREATE ON SCHEMA public FROM rf_jobs", "rf_jobs=C/"),
    Drift("extension", "CREATE EXTENSION pg_trgm", "DROP EXTENSION pg_trgm",
          "extension pg_trgm: was left behind"),
    Drift("table", "CREATE TABLE lab.more (id int)", "DROP TABLE lab.more",
          "table lab.more: was left behind"),
    Drift("unlogged", "ALTER TABLE lab.events_2025 SET UNLOGGED",
          "ALTER TABLE lab.events_2025 SET LOGGED", "persistence"),
    Drift("table owner", f"ALTER TABLE lab.events_2025 OWNER TO {OWNER}",
          "ALTER TABLE lab.events_2025 OWNER TO postgres",
          f"table lab.events_2025: owner postgres before, {OWNER} after"),
    Drift("table privilege", "GRANT SELECT ON lab.parents TO rf_jobs WITH GRANT OPTION",
          "REVOKE SELECT ON lab.parents FROM rf_jobs",
          "table lab.parents: privileges: rf_jobs=r*/postgres was left behind"),
    Drift("table comment", "COMMENT ON TABLE lab.parents IS 'p'",
          "COMMENT ON TABLE lab.parents IS NULL", "table lab.parents: comment"),
    Drift("storage parameter", "ALTER TABLE lab.parents SET (fillfactor = 70)",
          "ALTER TABLE lab.parents RESET (fillfactor)",
          "options: fillfactor=70 was left behind"),
    Drift("TOAST parameter", "ALTER TABLE lab.parents SET (toast.autovacuum_enabled = off)",
          "ALTER TABLE lab.parents RESET (toast.autovacuum_enabled)", "TOAST options"),
    Drift("row security", "ALTER TABLE lab.parents ENABLE ROW LEVEL SECURITY",
          "ALTER TABLE lab.parents DISABLE ROW LEVEL SECURITY",
          "table lab.parents: row security: no before, yes after"),
    Drift("row security forced", "ALTER TABLE lab.parents FORCE ROW LEVEL SECURITY",
          "ALTER TABLE lab.parents NO FORCE ROW LEVEL SECURITY", "row security forced"),
    Drift("replica identity", "ALTER TABLE lab.parents REPLICA IDENTITY FULL",
          "ALTER TABLE lab.parents REPLICA IDENTITY DEFAULT", "replica identity none before, full"),
    Drift("replica identity index",
          "ALTER TABLE lab.parents REPLICA IDENTITY USING INDEX parents_pkey",
          "ALTER TABLE lab.parents REPLICA IDENTITY DEFAULT",
          "index lab.parents_pkey: replica identity: no before, yes after"),
    Drift("partition", "ALTER TABLE lab.events ATTACH PARTITION lab.events_2025"
          " FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
          "ALTER TABLE lab.events DETACH PARTITION lab.events_2025",
          "table lab.events_2025: partition bound none before, FOR VALUES"),
    Drift("default partition", "ALTER TABLE lab.events ATTACH PARTITION lab.events_2025 DEFAULT",
          "ALTER TABLE lab.events DETACH PARTITION lab.events_2025",
          "table lab.events: default partition none before, lab.events_2025 after"),
    Drift("inheritance", "CREATE TABLE lab.heir () INHERITS (lab.parents)", "DROP TABLE lab.heir",
          "table lab.heir: was left behind"),
    Drift("column", "ALTER TABLE lab.parents ADD more text", "ALTER TABLE lab.parents DROP more",
          "column lab.parents.more: was left behind"),
    Drift("column order", "ALTER TABLE lab.events_2025 DROP at, ADD at timestamptz NOT NULL",
          "ALTER TABLE lab.events_2025 DROP what, ADD what text",
          "table lab.events_2025: column order at, what before, what, at after"),
    Drift("column type", "ALTER TABLE lab.children ALTER amount TYPE numeric(12, 2)",
          "ALTER TABLE lab.children ALTER amount TYPE numeric(9, 2)",
          "column lab.children.amount: type numeric(9,2) before, numeric(12,2) after"),
    Drift("not null", "ALTER TABLE lab.parents ALTER name DROP NOT NULL",
          "ALTER TABLE lab.parents ALTER name SET NOT NULL",
          "column lab.parents.name: not null: yes before, no after"),
    Drift("default", "ALTER TABLE lab.children ALTER amount SET DEFAULT 2",
          "ALTER TABLE lab.children ALTER amount SET DEFAULT 1",
          "column lab.children.amount: default 1 before, 2 after"),
    Drift("identity", "ALTER TABLE lab.parents ALTER size SET NOT NULL,"
          " ALTER size ADD GENERATED ALWAYS AS IDENTITY",
          "ALTER TABLE lab.parents ALTER size DROP IDENTITY, ALTER size DROP NOT NULL",
          "column lab.parents.size: identity none before, always after"),
    Drift("generated column", "ALTER TABLE lab.parents ADD g int GENERATED ALWAYS AS (1) STORED",
          "ALTER TABLE lab.parents DROP g", "column lab.parents.g: was left behind"),
    Drift("collation", 'ALTER TABLE lab.children ALTER note TYPE text COLLATE "POSIX"',
          "ALTER TABLE lab.children ALTER note TYPE text COLLATE \"default\"",
          "column lab.children.note: collation none before, \"POSIX\" after"),
    Drift("storage", "ALTER TABLE lab.children ALTER note SET STORAGE EXTERNAL",
          "ALTER TABLE lab.children ALTER note SET STORAGE EXTENDED",
          "column lab.children.note: storage none before, external after"),
    Drift("compression", "ALTER TABLE lab.children ALTER note SET COMPRESSION pglz",
          "ALTER TABLE lab.children ALTER note SET COMPRESSION DEFAULT", "compression"),
    Drift("statistics target", "ALTER TABLE lab.children ALTER note SET STATISTICS 500",
          "ALTER TABLE lab.children ALTER note SET STATISTICS -1",
          "column lab.children.note: statistics none before, 500 after"),
    Drift("column options", "ALTER TABLE lab.children ALTER note SET (n_distinct = 5)",
          "ALTER TABLE lab.children ALTER note RESET (n_distinct)", "n_distinct=5 was left behind"),
    Drift("column privilege", "GRANT SELECT (name) ON lab.parents TO rf_jobs",
          "REVOKE SELECT (name) ON lab.parents FROM rf_jobs",
          "column lab.parents.name: privileges: rf_jobs=r/postgres was left behind"),
    Drift("column comment", "COMMENT ON COLUMN lab.parents.name IS 'n'",
          "COMMENT ON COLUMN lab.parents.name IS NULL", "column lab.parents.name: comment"),
    Drift("check", "ALTER TABLE lab.parents ADD CONSTRAINT positive CHECK (size > 0)",
          "ALTER TABLE lab.parents DROP CONSTRAINT positive",
          "constraint lab.parents.positive: was left behind"),
    Drift("unvalidated", "ALTER TABLE lab.children DROP CONSTRAINT of_parent, ADD CONSTRAINT"
          " of_parent FOREIGN KEY (parent_id) REFERENCES lab.parents (id) NOT VALID",
          "ALTER TABLE lab.children VALIDATE CONSTRAINT of_parent",
          "constraint lab.children.of_parent: validated"),
    Drift("deferrable", "ALTER TABLE lab.children ALTER CONSTRAINT of_parent DEFERRABLE",
          "ALTER TABLE lab.children ALTER CONSTRAINT of_parent NOT DEFERRABLE", "DEFERRABLE"),
    Drift("on delete", "ALTER TABLE lab.children DROP CONSTRAINT of_parent, ADD CONSTRAINT"
          " of_parent FOREIGN KEY (parent_id) REFERENCES lab.parents (id) ON DELETE CASCADE",
          "ALTER TABLE lab.children DROP CONSTRAINT of_parent, ADD CONSTRAINT"
          " of_parent FOREIGN KEY (parent_id) REFERENCES lab.parents (id)", "ON DELETE CASCADE"),
    Drift("exclusion", "ALTER TABLE lab.parents ADD CONSTRAINT alone EXCLUDE (name WITH =)",
          "ALTER TABLE lab.parents DROP CONSTRAINT alone",
          "constraint lab.parents.alone: was left behind"),
    Drift("constraint comment", "COMMENT ON CONSTRAINT of_parent ON lab.children IS 'x'",
          "COMMENT ON CONSTRAINT of_parent ON lab.children IS NULL",
          "constraint lab.children.of_parent: comment"),
    Drift("index", "CREATE INDEX more ON lab.parents (name)", "DROP INDEX lab.more",
          "index lab.more: was left behind"),
    Drift("index expression", "DROP INDEX lab.children_parent; CREATE INDEX children_parent ON"
          " lab.children (parent_id) WHERE note IS NULL", "DROP INDEX lab.children_parent;"
          " CREATE INDEX children_parent ON lab.children (parent_id)",
          "index lab.children_parent: definition"),
    Drift("invalid index", "UPDATE pg_index SET indisvalid = false"
          " WHERE indexrelid = 'lab.children_parent'::regclass", "UPDATE pg_index SET indisvalid ="
          " true WHERE indexrelid = 'lab.children_parent'::regclass",
          "index lab.children_parent: valid none before, not after"),
    Drift("clustered", "ALTER TABLE lab.children CLUSTER ON children_parent",
          "ALTER TABLE lab.children SET WITHOUT CLUSTER", "clustered on: no before, yes after"),
    Drift("index options", "ALTER INDEX lab.children_parent SET (fillfactor = 60)",
          "ALTER INDEX lab.children_parent RESET (fillfactor)", "fillfactor"),
    Drift("index statistics", "CREATE INDEX e ON lab.parents ((size + 1));"
          " ALTER INDEX lab.e ALTER COLUMN 1 SET STATISTICS 9", "DROP INDEX lab.e", "index lab.e"),
    Drift("view", "CREATE VIEW lab.v AS SELECT 1 AS one", "DROP VIEW lab.v",
          "view lab.v: was left behind"),
    Drift("view definition", "CREATE OR REPLACE VIEW lab.names AS SELECT id, lower(name) AS name"
          " FROM lab.parents", "CREATE OR REPLACE VIEW lab.names AS SELECT id, name"
          " FROM lab.parents", "view lab.names: definition"),
    Drift("security invoker", "ALTER VIEW lab.names SET (security_invoker = on)",
          "ALTER VIEW lab.names RESET (security_invoker)", "security_invoker=on was left behind"),
    Drift("unpopulated", "REFRESH MATERIALIZED VIEW lab.sizes WITH NO DATA",
          "REFRESH MATERIALIZED VIEW lab.sizes", "materialized view lab.sizes: populated"),
    Drift("sequence", "CREATE SEQUENCE lab.s", "DROP SEQUENCE lab.s",
          "sequence lab.s: was left behind"),
    Drift("sequence numbers", "ALTER SEQUENCE lab.numbers INCREMENT 5",
          "ALTER SEQUENCE lab.numbers INCREMENT 1", "sequence lab.numbers: numbers"),
    Drift("sequence owned", "ALTER SEQUENCE lab.numbers OWNED BY lab.parents.size",
          "ALTER SEQUENCE lab.numbers OWNED BY NONE", "owned by none before, lab.parents.size"),
    Drift("enum", "CREATE TYPE lab.e AS ENUM ('a')", "DROP TYPE lab.e",
          "type lab.e: was left behind"),
    Drift("composite", "ALTER TYPE lab.pair ADD ATTRIBUTE c int",
          "ALTER TYPE lab.pair DROP ATTRIBUTE c", "attribute lab.pair.c: was left behind"),
    Drift("range", "CREATE TYPE lab.span AS RANGE (SUBTYPE = int)", "DROP TYPE lab.span",
          "type lab.span: was left behind"),
    Drift("type privilege", "REVOKE USAGE ON TYPE lab.colour FROM PUBLIC",
          "GRANT USAGE ON TYPE lab.colour TO PUBLIC",
          "type lab.colour: privileges: =U/postgres is gone"),
    Drift("domain", "CREATE DOMAIN lab.d AS text", "DROP DOMAIN lab.d",
          "domain lab.d: was left behind"),
    Drift("domain constraint", "ALTER DOMAIN lab.percent ADD CONSTRAINT even CHECK (VALUE % 2 = 0)",
          "ALTER DOMAIN lab.percent DROP CONSTRAINT even",
          "domain constraint lab.percent.even: was left behind"),
    Drift("domain default", "ALTER DOMAIN lab.percent SET DEFAULT 5",
          "ALTER DOMAIN lab.percent DROP DEFAULT", "domain lab.percent: default none before, 5"),
    Drift("domain not null", "ALTER DOMAIN lab.percent SET NOT NULL",
          "ALTER DOMAIN lab.percent DROP NOT NULL", "domain lab.percent: not null"),
    Drift("function", "CREATE FUNCTION lab.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
          "DROP FUNCTION lab.f()", "function lab.f(): was left behind"),
    Drift("overload", "CREATE FUNCTION lab.twice(text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
          "DROP FUNCTION lab.twice(text)", "function lab.twice(text): was left behind"),
    Drift("function body", "CREATE OR REPLACE FUNCTION lab.twice(n int) RETURNS int LANGUAGE sql"
          " AS 'SELECT n + n'", "CREATE OR REPLACE FUNCTION lab.twice(n int) RETURNS int"
          " LANGUAGE sql AS 'SELECT 2 * n'", "function lab.twice(integer): definition"),
    Drift("security definer", "ALTER FUNCTION lab.twice(int) SECURITY DEFINER",
          "ALTER FUNCTION lab.twice(int) SECURITY INVOKER", "function lab.twice(integer)"),
    Drift("volatility", "ALTER FUNCTION lab.twice(int) IMMUTABLE",
          "ALTER FUNCTION lab.twice(int) VOLATILE", "function lab.twice(integer)"),
    Drift("function setting", "ALTER FUNCTION lab.twice(int) SET search_path = pg_catalog",
          "ALTER FUNCTION lab.twice(int) RESET search_path", "search_path"),
    Drift("function privilege", "REVOKE EXECUTE ON FUNCTION lab.twice(int) FROM PUBLIC",
          "GRANT EXECUTE ON FUNCTION lab.twice(int) TO PUBLIC", "=X/postgres is gone"),
    Drift("procedure", "CREATE PROCEDURE lab.p() LANGUAGE sql AS 'SELECT 1'",
          "DROP PROCEDURE lab.p()", "procedure lab.p(): was left behind"),
    Drift("aggregate", "CREATE AGGREGATE lab.total(int) (SFUNC = int4pl, STYPE = int)",
          "DROP AGGREGATE lab.total(int)", "aggregate lab.total(integer): was left behind"),
    Drift("trigger", "CREATE TRIGGER more AFTER INSERT ON lab.parents EXECUTE FUNCTION lab.stop()",
          "DROP TRIGGER more ON lab.parents", "trigger lab.parents.more: was left behind"),
    Drift("disabled trigger", "ALTER TABLE lab.children DISABLE TRIGGER guard",
          "ALTER TABLE lab.children ENABLE TRIGGER guard",
          "trigger lab.children.guard: enabled none before, never after"),
    Drift("disabled foreign key", "ALTER TABLE lab.children DISABLE TRIGGER ALL",
          "ALTER TABLE lab.children ENABLE TRIGGER ALL",
          "internal trigger lab.children.of_parent"),
    Drift("event trigger", "CREATE EVENT TRIGGER watch ON ddl_command_end"
          " EXECUTE FUNCTION lab.on_ddl()", "DROP EVENT TRIGGER watch",
          "event trigger watch: was left behind"),
    Drift("rule", "CREATE RULE more AS ON INSERT TO lab.parents DO ALSO NOTHING",
          "DROP RULE more ON lab.parents", "rule lab.parents.more: was left behind"),
    Drift("disabled rule", "ALTER TABLE lab.parents DISABLE RULE quiet",
          "ALTER TABLE lab.parents ENABLE RULE quiet", "rule lab.parents.quiet: enabled"),
    Drift("policy", "CREATE POLICY more ON lab.children TO rf_jobs USING (true)",
          "DROP POLICY more ON lab.children", "policy lab.children.more: was left behind"),
    Drift("policy role", "ALTER POLICY own ON lab.parents TO rf_jobs",
          "ALTER POLICY own ON lab.parents TO PUBLIC",
          "policy lab.parents.own: roles: rf_jobs was left behind"),
    Drift("policy expression", "ALTER POLICY own ON lab.parents USING (name = 'b')",
          "ALTER POLICY own ON lab.parents USING (name = 'a')", "policy lab.parents.own: using"),
    Drift("statistics", "CREATE STATISTICS lab.s ON id, note FROM lab.children",
          "DROP STATISTICS lab.s", "statistics lab.s: was left behind"),
    Drift("statistics object's target", "ALTER STATISTICS lab.together SET STATISTICS 10",
          "ALTER STATISTICS lab.together SET STATISTICS -1", "statistics lab.together: target"),
    Drift("operator", "CREATE OPERATOR lab.=== (LEFTARG = int, RIGHTARG = int, PROCEDURE = int4eq)",
          "DROP OPERATOR lab.=== (int, int)",
          "operator lab.===(integer, integer): was left behind"),
    Drift("operator class", "CREATE OPERATOR CLASS lab.c FOR TYPE int USING hash AS"
          " OPERATOR 1 =, FUNCTION 1 hashint4(int)", "DROP OPERATOR FAMILY lab.c USING hash",
          "operator class lab.c using hash: was left behind"),
    Drift("cast", "CREATE CAST (lab.pair AS text) WITH INOUT", "DROP CAST (lab.pair AS text)",
          "cast lab.pair as text: was left behind"),
    Drift("collation object", 'CREATE COLLATION lab.c FROM "C"', "DROP COLLATION lab.c",
          "collation lab.c: was left behind"),
    Drift("conversion", "CREATE CONVERSION lab.c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
          "DROP CONVERSION lab.c", "conversion lab.c: was left behind"),
    Drift("text search", "CREATE TEXT SEARCH DICTIONARY lab.d (TEMPLATE = pg_catalog.simple)",
          "DROP TEXT SEARCH DICTIONARY lab.d", "text search dictionary lab.d: was left behind"),
    Drift("text search mapping", "ALTER TEXT SEARCH CONFIGURATION lab.plain"
          " ALTER MAPPING FOR word WITH english_stem", "ALTER TEXT SEARCH CONFIGURATION lab.plain"
          " ALTER MAPPING FOR word WITH simple",
          "mappings: word: english_stem was left behind"),
    Drift("access method", "CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler",
          "DROP ACCESS METHOD heap2", "access method heap2: was left behind"),
    Drift("language", "CREATE LANGUAGE pg HANDLER plpgsql_call_handler", "DROP LANGUAGE pg",
          "language pg: was left behind"),
    Drift("transform", "CREATE TRANSFORM FOR int LANGUAGE sql"
          " (FROM SQL WITH FUNCTION prsd_lextype(internal))",
          "DROP TRANSFORM FOR int LANGUAGE sql", "transform integer for sql: was left behind"),
    Drift("publication", "CREATE PUBLICATION p", "DROP PUBLICATION p",
          "publication p: was left behind"),
    Drift("published table", "ALTER PUBLICATION told ADD TABLE lab.children",
          "ALTER PUBLICATION told DROP TABLE lab.children",
          "publication told: tables: lab.children was left behind"),
    Drift("published columns", "ALTER PUBLICATION told SET TABLE lab.parents (id) WHERE (id IS NULL)",
          "ALTER PUBLICATION told SET TABLE lab.parents", "publication told: tables"),
    Drift("subscription", "CREATE SUBSCRIPTION s CONNECTION 'host=nowhere password=hidden'"
          " PUBLICATION p WITH (connect = false)",
          "ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s",
          "subscription s: was left behind"),
    Drift("wrapper", "CREATE FOREIGN DATA WRAPPER w", "DROP FOREIGN DATA WRAPPER w",
          "foreign data wrapper w: was left behind"),
    Drift("server", "ALTER SERVER far OPTIONS (ADD host 'x')", "ALTER SERVER far OPTIONS (DROP host)",
          "foreign server far: options: host=x was left behind"),
    Drift("user mapping", "CREATE USER MAPPING FOR rf_jobs SERVER far OPTIONS (password 'hidden')",
          "DROP USER MAPPING FOR rf_jobs SERVER far",
          "user mapping rf_jobs on far: was left behind"),
    Drift("foreign table", "CREATE FOREIGN TABLE lab.ft (a int OPTIONS (x 'y')) SERVER far",
          "DROP FOREIGN TABLE lab.ft", "foreign table lab.ft: was left behind"),
    Drift("default privileges", f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER}"
          " REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC", f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER}"
          " GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
          f"default privileges of {OWNER} on functions: was left behind"),
    Drift("default privileges in a schema", "ALTER DEFAULT PRIVILEGES IN SCHEMA lab"
          " GRANT SELECT ON TABLES TO rf_jobs", "ALTER DEFAULT PRIVILEGES IN SCHEMA lab"
          " REVOKE SELECT ON TABLES FROM rf_jobs",
          "default privileges of postgres in lab on tables: was left behind"),
    Drift("goes with an extension", "ALTER FUNCTION lab.twice(int) DEPENDS ON EXTENSION vector",
          "ALTER FUNCTION lab.twice(int) NO DEPENDS ON EXTENSION vector",
          "function lab.twice(integer): goes with extension vector: no before, yes after"),
    Drift("large object", "SELECT lo_create(4711)", "SELECT lo_unlink(4711)",
          "large objects of postgres: was left behind"),
    Drift("database setting", "ALTER DATABASE {database} SET work_mem = '7MB'",
          "ALTER DATABASE {database} RESET work_mem",
          "settings of in the database: was left behind"),
    Drift("role's setting in the database",
          "ALTER ROLE rf_jobs IN DATABASE {database} SET work_mem = '7MB'",
          "ALTER ROLE rf_jobs IN DATABASE {database} RESET work_mem",
          "settings of rf_jobs in the database: was left behind"),
    Drift("role's setting", "ALTER ROLE rf_jobs SET work_mem = '7MB'",
          "ALTER ROLE rf_jobs RESET work_mem", "settings of rf_jobs everywhere: was left behind"),
    Drift("database privilege", "GRANT TEMPORARY ON DATABASE {database} TO rf_jobs",
          "REVOKE TEMPORARY ON DATABASE {database} FROM rf_jobs",
          "database itself: privileges: rf_jobs=T/"),
    Drift("database comment", "COMMENT ON DATABASE {database} IS 'x'",
          "COMMENT ON DATABASE {database} IS NULL", "database itself: comment"),
    Drift("role", "CREATE ROLE passing", "DROP ROLE passing", "role passing: was left behind"),
    Drift("membership", "GRANT rf_jobs TO rf_session", "REVOKE rf_jobs FROM rf_session",
          "role rf_session: member of: rf_jobs by postgres was left behind"),
    Drift("parameter", "GRANT SET ON PARAMETER log_statement TO rf_jobs",
          "REVOKE SET ON PARAMETER log_statement FROM rf_jobs",
          "parameter log_statement: was left behind"),
)  # fmt: skip
