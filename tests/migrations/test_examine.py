"""What a file does wrong by itself: every rule with what breaks it, and with what comes near and doesn't."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.migrations.conftest import Scratch

from rfdata.migrations.directives import parse
from rfdata.migrations.examine import examine, examine_script
from rfdata.migrations.finding import Part
from rfdata.migrations.migration import Directives, Migration, Script
from rfdata.model.migrations import Problem

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

PATH = "0001_a.sql"
ALONE = "-- rfdata: no-transaction\n"


def found(text: str, part: Part = "main") -> list[tuple[str, int, int]]:
    """What is found in a script, as rule, line and column; each says what and what to do."""
    problems = of(text, part)
    assert all(problem.message and problem.remedy and problem.path == PATH for problem in problems)
    return [(problem.rule, problem.line, problem.column) for problem in problems]


def of(text: str, part: Part = "main") -> tuple[Problem, ...]:
    return examine_script(text, PATH, part, parse(text, PATH)[0])


WRONG: dict[str, list[tuple[str, int, int]]] = {
    # Transactions of their own
    "SELECT 1; BEGIN; SELECT 2;\nCOMMIT": [
        ("transaction-control", 1, 11),
        ("transaction-control", 2, 1),
    ],
    "START TRANSACTION": [("transaction-control", 1, 1)],
    "END": [("transaction-control", 1, 1)],
    "ROLLBACK": [("transaction-control", 1, 1)],
    "ABORT": [("transaction-control", 1, 1)],
    "SAVEPOINT a": [("transaction-control", 1, 1)],
    "RELEASE a": [("transaction-control", 1, 1)],
    "/* x */ rollback to a": [("transaction-control", 1, 9)],
    "PREPARE TRANSACTION 'x'": [("transaction-control", 1, 1)],
    "SET TRANSACTION READ ONLY": [("transaction-control", 1, 1)],
    f"{ALONE}COMMIT": [("transaction-control", 2, 1)],
    # psql
    "\\i more.sql": [("psql-command", 1, 1)],
    "\\echo it's\nSELECT 1;\n  \\set x 'y": [("psql-command", 1, 1), ("psql-command", 3, 3)],
    "SELECT 1 \\gexec\nBEGIN;": [("psql-command", 1, 10), ("transaction-control", 2, 1)],
    "SELECT 1 \\; SELECT 2": [("psql-command", 1, 10)],
    "SELECT :'x', :y, :\"z\"": [
        ("psql-variable", 1, 8),
        ("psql-variable", 1, 14),
        ("psql-variable", 1, 18),
    ],
    "SELECT :{?x}": [("psql-variable", 1, 8)],
    "SELECT a[1:2], :b": [("psql-variable", 1, 16)],
    # Data for psql
    "COPY t FROM STDIN;\n1\tit's\n\\N\n\\.\nBEGIN;": [("copy-stdin", 1, 1)],
    "SELECT 1;\ncopy t (a, b) from stdin with (format csv);\n'": [("copy-stdin", 2, 1)],
    "COPY (SELECT 1) TO STDOUT": [("copy-stdin", 1, 1)],
    # Not in a transaction
    "CREATE INDEX CONCURRENTLY i ON t (a)": [("outside-transaction", 1, 1)],
    "create unique index concurrently if not exists i on t (a)": [("outside-transaction", 1, 1)],
    "DROP INDEX CONCURRENTLY i": [("outside-transaction", 1, 1)],
    "REINDEX TABLE CONCURRENTLY t": [("outside-transaction", 1, 1)],
    "REINDEX (VERBOSE, CONCURRENTLY) TABLE t": [("outside-transaction", 1, 1)],
    "REINDEX (VERBOSE) DATABASE d": [("outside-transaction", 1, 1)],
    "REINDEX SCHEMA s": [("outside-transaction", 1, 1)],
    "VACUUM (ANALYZE) t": [("outside-transaction", 1, 1)],
    "CLUSTER": [("outside-transaction", 1, 1)],
    "CLUSTER VERBOSE": [("outside-transaction", 1, 1)],
    "ALTER TABLE a.b DETACH PARTITION c CONCURRENTLY": [("outside-transaction", 1, 1)],
    "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p": [("outside-transaction", 1, 1)],
    "DROP SUBSCRIPTION s": [("outside-transaction", 1, 1)],
    f"{ALONE}LOCK TABLE t": [("needs-transaction", 2, 1)],
    f"{ALONE}DECLARE c CURSOR FOR SELECT 1": [("needs-transaction", 2, 1)],
    # The session
    "SET ROLE x": [("set-role", 1, 1)],
    "SET LOCAL ROLE x": [("set-role", 1, 1)],
    "SET SESSION ROLE x": [("set-role", 1, 1)],
    "RESET ROLE": [("set-role", 1, 1)],
    "SET SESSION AUTHORIZATION x": [("set-role", 1, 1)],
    "SET LOCAL SESSION AUTHORIZATION x": [("set-role", 1, 1)],
    "RESET SESSION AUTHORIZATION": [("set-role", 1, 1)],
    "LISTEN x": [("session-command", 1, 1)],
    "UNLISTEN *": [("session-command", 1, 1)],
    "DISCARD ALL": [("session-command", 1, 1)],
    "SET search_path TO a": [("session-setting", 1, 1)],
    "SET SESSION lock_timeout = 1": [("session-setting", 1, 1)],
    "SET app.x = 1": [("session-setting", 1, 1)],
    "SET TIME ZONE 'UTC'": [("session-setting", 1, 1)],
    "RESET ALL": [("session-setting", 1, 1)],
    "SELECT pg_catalog.set_config('search_path', '', false)": [("session-setting", 1, 1)],
    f"{ALONE}SET LOCAL lock_timeout = 1": [("session-setting", 2, 1)],
    # Beyond what a migration may
    "CREATE ROLE x": [("role", 1, 1)],
    "ALTER USER x LOGIN": [("role", 1, 1)],
    "DROP GROUP x": [("role", 1, 1)],
    "GRANT a TO b": [("role", 1, 1)],
    "REVOKE a FROM b": [("role", 1, 1)],
    "CREATE DATABASE x": [("beyond-database", 1, 1)],
    "ALTER DATABASE x SET a = 1": [("beyond-database", 1, 1)],
    "ALTER SYSTEM SET a = 1": [("beyond-database", 1, 1)],
    "CREATE TABLESPACE x LOCATION 'y'": [("beyond-database", 1, 1)],
    # Not closed, not there
    "SELECT 1;\nSELECT 'ä": [("unterminated", 2, 8)],
    "SELECT 1 /* BEGIN": [("unterminated", 1, 10)],
    "BEGIN; DO $$ x": [("transaction-control", 1, 1), ("unterminated", 1, 11)],
    "": [("empty", 0, 0)],
    "-- nothing\n/* here; */ ;;\n": [("empty", 0, 0)],
    # What may be meant
    "CREATE EXTENSION vector": [("extension-exists", 1, 1)],
    "DROP TABLE a": [("drop-table", 1, 1)],
    "CREATE TABLE a (); DROP TABLE a, b": [("drop-table", 1, 20)],
    "DROP SCHEMA s CASCADE": [("drop-schema", 1, 1)],
    "DROP OWNED BY x": [("drop-schema", 1, 1)],
    "ALTER TABLE ONLY a.b ADD c int,\n DROP COLUMN d, DROP e, DROP IF EXISTS f": [
        ("drop-column", 2, 2),
        ("drop-column", 2, 17),
        ("drop-column", 2, 25),
    ],
    "ALTER TABLE IF EXISTS a * DROP b": [("drop-column", 1, 27)],
    "TRUNCATE a": [("truncate", 1, 1)],
    "DELETE FROM a": [("delete-all", 1, 1)],
    "DELETE FROM a USING (SELECT 1 WHERE true) b": [("delete-all", 1, 1)],
    "GRANT SELECT ON t TO a, PUBLIC": [("grant-to-public", 1, 25)],
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC": [("grant-to-public", 1, 52)],
    "ALTER TYPE s.e ADD VALUE 'x';\nINSERT INTO t VALUES ('x')": [("enum-value", 1, 1)],
    "ALTER TYPE e ADD VALUE IF NOT EXISTS 'x' BEFORE 'y'; SELECT 'x'::e": [("enum-value", 1, 1)],
    "CREATE TYPE e AS ENUM (); ALTER TYPE e ADD VALUE 'x'; SELECT 'x'::e": [("enum-value", 1, 27)],
    # Without a transaction
    f"{ALONE}CREATE INDEX CONCURRENTLY i ON t (a); ANALYZE t": [("half-done", 2, 1)],
    f"{ALONE}INSERT INTO t VALUES (1); VACUUM": [("half-done", 2, 1)],
    f"{ALONE}CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)": [("invalid-index", 2, 1)],
    f"{ALONE}DROP INDEX CONCURRENTLY IF EXISTS j;\n"
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)": [("invalid-index", 3, 1)],
    # Read by nobody
    "SELECT 1;\n -- rfdata: no-transaction\n": [("directive", 2, 2)],
    "SELECT 1 -- rfdata: waive a: b\n": [("directive", 1, 10)],
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG.items(), ids=[repr(text) for text in WRONG])
def test_what_is_wrong_is_found_where_it_is(
    text: str, expected: list[tuple[str, int, int]]
) -> None:
    assert found(text) == expected


RIGHT = [
    "CREATE TABLE a.b (c int); CREATE INDEX i ON a.b (c)",
    "DO $$ BEGIN COMMIT; END $$",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; SELECT f()",
    "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$ BEGIN ROLLBACK; END $$",
    "PREPARE p AS SELECT 1",
    "SELECT '\\d', E'\\\\', $$\\gexec$$, \"\\\" -- \\i x\n /* \\q */",
    "SELECT a::int, b[1:n], c[lo:'2'], json_object('k':v), f(x := 1), ':y', d[:n]",
    "COPY t FROM '/tmp/x'; COPY t TO PROGRAM 'x'",
    "REINDEX TABLE t; CLUSTER t USING i; CLUSTER VERBOSE t; ANALYZE t",
    "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (create_slot = false)",
    "ALTER TABLE a DETACH PARTITION b",
    "SET LOCAL search_path TO a; SET CONSTRAINTS ALL DEFERRED; SELECT set_config('a.b', 'c', true)",
    "CREATE USER MAPPING FOR x SERVER y",
    "CREATE EXTENSION IF NOT EXISTS vector",
    "GRANT SELECT ON t TO rf_audit_read; REVOKE ALL ON t FROM PUBLIC",
    "CREATE POLICY p ON t TO PUBLIC USING (true); ALTER TABLE a RENAME TO public",
    "CREATE TEMP TABLE x AS SELECT 1; DROP TABLE x; CREATE TABLE IF NOT EXISTS s.y (); DROP TABLE s.y",
    "CREATE TABLE a (b int, c int); ALTER TABLE a DROP COLUMN b",
    "ALTER TABLE a DROP CONSTRAINT b, ALTER COLUMN c DROP DEFAULT, ALTER d DROP NOT NULL",
    "DELETE FROM a WHERE b; UPDATE a SET b = 1; DROP INDEX i; DROP VIEW v",
    "CREATE TYPE e AS ENUM ('x'); SELECT 'x'::e",
    "ALTER TYPE e ADD VALUE 'x'; SELECT 'y'",
    "ALTER TYPE e RENAME VALUE 'x' TO 'y'; SELECT 'x'",
    f"{ALONE}CREATE INDEX CONCURRENTLY i ON t (a)",
    f"{ALONE}DROP INDEX CONCURRENTLY IF EXISTS s.i; CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
    f"{ALONE}VACUUM t",
    "SELECT '\n-- rfdata: no-transaction\n'; -- rfdata does this",
    "SELECT 1;\n/*\n-- rfdata: no-transaction\n*/",
]  # fmt: skip


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_is_left_alone(text: str) -> None:
    assert found(text) == []


WARNINGS = {
    *("session-setting", "extension-exists", "drop-table", "drop-schema", "drop-column"),
    *("truncate", "delete-all", "grant-to-public", "enum-value", "half-done", "invalid-index"),
}


@pytest.mark.parametrize("text", WRONG, ids=repr)
def test_only_what_may_be_meant_is_a_warning(text: str) -> None:
    for problem in of(text):
        assert (problem.severity == "warning") is (problem.rule in WARNINGS), problem


def test_a_rollback_may_destroy_and_grant_back() -> None:
    assert found("DROP TABLE a; TRUNCATE b; ALTER TABLE c DROP d", "rollback") == []
    assert found("GRANT EXECUTE ON FUNCTION f() TO PUBLIC", "rollback") == []
    assert found("BEGIN; SET x = 1", "rollback") == [
        ("transaction-control", 1, 1),
        ("session-setting", 1, 8),
    ]
    assert found("-- nothing", "rollback") == [("empty", 0, 0)]


READS = [
    "SELECT true",
    "(SELECT true) UNION ALL (SELECT false)",
    "WITH a AS (SELECT 1), b AS MATERIALIZED (VALUES (2)) SELECT true FROM a, b",
    "VALUES (true); TABLE t",
    'SELECT a.into, 1 AS into, count(*) "insert", t.delete, update FROM t',
    "SELECT (delete), (update) = 'FOR UPDATE', substring(a FOR 2) FROM t",
]
WRITES = {
    "UPDATE t SET a = 1": ("UPDATE", 1),
    "CREATE TABLE x ()": ("CREATE", 1),
    "EXPLAIN SELECT 1": ("EXPLAIN", 1),
    "DO $$ $$": ("DO", 1),
    "RESET ROLE": ("RESET", 1),
    "WITH a AS (DELETE FROM t RETURNING 1) SELECT true FROM a": ("DELETE", 12),
    "WITH a AS NOT MATERIALIZED (UPDATE t SET a = 1 RETURNING 1) TABLE a": ("UPDATE", 29),
    "WITH a AS (SELECT 1) DELETE FROM t": ("DELETE", 22),
    "SELECT true INTO x": ("INTO", 13),
    "SELECT true FROM t FOR UPDATE": ("FOR UPDATE", 24),
    "SELECT true FROM t FOR NO KEY UPDATE": ("FOR UPDATE", 31),
    "SELECT true FROM t FOR KEY SHARE": ("FOR SHARE", 28),
}


@pytest.mark.parametrize("text", READS)
def test_a_verify_file_reads(text: str) -> None:
    assert found(text, "verify") == []


@pytest.mark.parametrize("text", WRITES)
def test_a_verify_file_that_writes_is_named(text: str) -> None:
    what, column = WRITES[text]
    (problem,) = of(text, "verify")
    assert (problem.rule, problem.column, problem.severity) == ("verify-reads", column, "error")
    assert problem.message.startswith(what)


def test_what_psql_and_copy_say_holds_for_verify_too() -> None:
    assert found("\\d\nSELECT :x", "verify") == [("psql-command", 1, 1), ("psql-variable", 2, 8)]
    assert found("", "verify") == [("empty", 0, 0)]


def test_every_script_of_a_migration_is_examined() -> None:
    def script(text: str) -> Script:
        return Script(Path("x"), text, "")

    migration = Migration(
        *(1, "0001_a", script("BEGIN"), Directives(), script("VACUUM")),
        Directives(transaction=False),
        script("DELETE FROM t"),
    )
    assert [(problem.path, problem.rule) for problem in examine(migration)] == [
        ("0001_a.sql", "transaction-control"),
        ("verify/0001_a.sql", "verify-reads"),
    ]


def test_places_count_characters_and_lines_however_many_there_are() -> None:
    text = "SELECT 'ä'; DROP TABLE a;\n\n" * 200
    assert found(text) == [("drop-table", 2 * line + 1, 13) for line in range(200)]


OF_THE_SERVER = [
    "CREATE INDEX CONCURRENTLY i ON t (a)",
    "DROP INDEX CONCURRENTLY i",
    "REINDEX TABLE CONCURRENTLY t",
    "REINDEX (CONCURRENTLY) TABLE t",
    "REINDEX DATABASE postgres",
    "REINDEX SCHEMA public",
    "VACUUM t",
    "CLUSTER",
    "ALTER TABLE p DETACH PARTITION q CONCURRENTLY",
]


@pytest.mark.parametrize("text", OF_THE_SERVER)
def test_the_server_refuses_the_same_in_a_transaction(blank: Scratch, text: str) -> None:
    with blank.superuser() as session:
        prepare(session)
        with pytest.raises(psycopg.errors.ActiveSqlTransaction):
            session.execute(f"BEGIN; {text}".encode())
    assert [rule for rule, *_ in found(text)] == ["outside-transaction"]


@pytest.mark.parametrize("type_", ["e", "made"])
def test_the_server_refuses_a_new_enum_value_in_its_transaction(blank: Scratch, type_: str) -> None:
    text = f"ALTER TYPE {type_} ADD VALUE 'x'; SELECT 'x'::{type_}"
    with blank.superuser() as session:
        prepare(session)
        with pytest.raises(psycopg.errors.UnsafeNewEnumValueUsage):
            session.execute(f"BEGIN; CREATE TYPE made AS ENUM (); {text}".encode())
    assert [rule for rule, *_ in found(text)] == ["enum-value"]


def test_an_index_that_failed_is_taken_for_done(blank: Scratch) -> None:
    """Why IF NOT EXISTS is not enough for CREATE INDEX CONCURRENTLY."""
    create = b"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)"
    with blank.superuser() as session:
        prepare(session)
        session.execute("INSERT INTO t VALUES (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            session.execute(create)
        session.execute(create)
        assert session.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"
        ).fetchone() == (False,)


def prepare(session: Session) -> None:
    session.execute(
        "CREATE TABLE t (a int); CREATE TYPE e AS ENUM ('y');"
        "CREATE TABLE p (a int) PARTITION BY LIST (a);"
        "CREATE TABLE q PARTITION OF p FOR VALUES IN (1)"
    )
