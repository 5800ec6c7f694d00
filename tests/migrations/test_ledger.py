"""The ledger: made when it is needed, read by whoever may, nobody's but the owner's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.migrations.conftest import OWNER, Scratch
from tests.migrations.running import AUTHOR, IDENTITY, MIGRATOR, Database, table

from rfdata.errors import ChangeFailed, UsageError
from rfdata.migrations import ledger, runner


@pytest.fixture
def database(blank: Scratch) -> Database:
    return Database(blank)


def test_without_one_nothing_is_applied(blank: Scratch) -> None:
    with blank.superuser() as session:
        assert ledger.read(session) == ()
        assert session.execute("SELECT to_regnamespace('rfdata')").fetchone() == (None,)
        session.execute("CREATE SCHEMA rfdata")
        assert ledger.read(session) == ()


def test_reading_works_inside_of_a_transaction_too(database: Database) -> None:
    with database.session() as session, session.transaction():
        assert ledger.read(session) == ()
        assert ledger.read(session) == ()
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_an_entry_says_what_was_done(database: Database) -> None:
    database.up(table(20240131235959, "stamped"))
    (entry,) = database.entries()
    assert (entry.number, entry.name) == (20240131235959, "20240131235959_stamped")
    assert (entry.state, entry.statements, entry.statements_done, entry.error) == (
        *("applied", 0, 0, ""),
    )
    assert abs(datetime.now(UTC) - entry.at) < timedelta(hours=1)
    assert (entry.by, entry.version) == (AUTHOR.by, AUTHOR.version)


def test_it_is_the_owners_and_nobody_else_has_a_right(database: Database) -> None:
    database.up(table(1))
    rows = database.scratch.run(
        "SELECT relname, pg_get_userbyid(relowner), relacl::text FROM pg_class"
        " WHERE relnamespace = 'rfdata'::regnamespace AND relkind = 'r' ORDER BY 1"
    )
    own = f"{{{OWNER}=arwdDxt/{OWNER}}}"
    assert rows == [("layout", OWNER, own), ("migrations", OWNER, own)]
    schema = database.scratch.run("SELECT nspacl::text FROM pg_namespace WHERE nspname = 'rfdata'")
    assert schema == [(f"{{{OWNER}=UC/{OWNER}}}",)]


def test_default_privileges_do_not_open_it(database: Database) -> None:
    database.scratch.run(
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT SELECT ON TABLES TO PUBLIC"
    )
    database.up(table(1))
    with (
        database.scratch.acting_as("rf_jobs") as session,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        session.execute("SELECT FROM rfdata.migrations")
    rows = database.scratch.run(
        "SELECT count(*) FROM pg_class, aclexplode(relacl) AS a"
        " WHERE oid = 'rfdata.migrations'::regclass AND a.grantee = 0"
    )
    assert rows == [(0,)]


def test_the_migrator_reads_it_as_well(database: Database) -> None:
    database.up(table(1))
    with database.scratch.acting_as(MIGRATOR) as session:
        assert [entry.name for entry in ledger.read(session)] == ["0001_t1"]


def test_every_column_is_explained(database: Database) -> None:
    database.up(table(1))
    assert (
        database.scratch.run(
            "SELECT attrelid::regclass::text, attname FROM pg_attribute JOIN pg_class ON oid = attrelid"
            " WHERE relnamespace = 'rfdata'::regnamespace AND relkind = 'r' AND attnum > 0"
            " AND col_description(attrelid, attnum) IS NULL"
        )
        == []
    )


@pytest.mark.parametrize(
    "change",
    [
        "state = 'done'",
        "state = 'applied', error = 'no'",
        "checksum = 'abc'",
        "statements_done = 1",
        "number = -1",
        "seconds = -1",
        "direction = 'sideways'",
    ],
)
def test_nonsense_is_refused_by_the_table_itself(database: Database, change: str) -> None:
    database.up(table(1))
    with (
        database.session() as session,
        pytest.raises(psycopg.errors.CheckViolation),
    ):
        session.execute(f"UPDATE rfdata.migrations SET {change}".encode())


def test_a_newer_rfdatas_is_left_alone(database: Database) -> None:
    database.up(table(1))
    database.scratch.run("UPDATE rfdata.layout SET version = 2")
    database.scratch.run("ALTER TABLE rfdata.migrations ADD COLUMN more text NOT NULL DEFAULT 'x'")
    assert list(database.states()) == ["0001_t1"]
    with pytest.raises(UsageError, match="layout 2") as caught:
        database.up(table(1), table(2))
    assert "newer rfdata" in caught.value.hint
    with pytest.raises(UsageError, match="layout 2"):
        database.down(table(1))
    assert database.tables() == {"t1"}


def test_who_may_not_make_it_is_told(blank: Scratch) -> None:
    with (
        blank.acting_as("rf_jobs") as session,
        pytest.raises(ChangeFailed, match=r"ledger, rfdata.migrations, could not be made"),
    ):
        runner.up(session, [table(1)], identity=type(IDENTITY)(), author=AUTHOR)


class TestEmptyDatabase:
    def test_a_new_one_is(self, blank: Scratch) -> None:
        with blank.superuser() as session:
            assert ledger.empty_database(session)

    def test_the_ledger_does_not_count(self, database: Database) -> None:
        database.up(table(1))
        database.down(table(1))
        with database.session() as session:
            assert ledger.empty_database(session)

    @pytest.mark.parametrize(
        "made",
        [
            "CREATE TABLE public.t (id int)",
            "CREATE SEQUENCE public.s",
            "CREATE VIEW public.v AS SELECT 1",
            "CREATE SCHEMA pg_tempting_fate; CREATE TABLE pg_tempting_fate.t ()",
        ],
    )
    def test_with_a_relation_it_is_not(self, blank: Scratch, made: str) -> None:
        made = made.replace("pg_tempting_fate", "tempting_fate")
        blank.run(made)
        with blank.superuser() as session:
            assert not ledger.empty_database(session)

    def test_extensions_do_not_count(self, blank: Scratch) -> None:
        blank.run("CREATE EXTENSION pg_stat_statements")
        with blank.superuser() as session:
            assert ledger.empty_database(session)


def test_a_thousand_are_read_in_a_moment(database: Database) -> None:
    """No clock: as many queries for a thousand as for one."""
    database.up(table(1))
    database.scratch.run(
        "INSERT INTO rfdata.migrations (number, name, checksum, state, by, version)"
        " SELECT n, 'm' || n, repeat('0', 64), 'applied', '', '' FROM generate_series(2, 1000) AS n"
    )
    entries = database.entries()
    assert [entry.number for entry in entries] == list(range(1, 1001))
