"""Files that run outside of a transaction: what is recorded on the way, and how it goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.migrations.conftest import Scratch
from tests.migrations.running import HASTY, Database, folder, migration, table

from rfdata.errors import ChangeFailed, RfdataError, UsageError
from rfdata.migrations import choose, ledger
from rfdata.migrations.migration import Migration
from rfdata.migrations.resolve import resolve

OUTSIDE = "-- rfdata: no-transaction\n"
TEXT = f"""{OUTSIDE}CREATE TABLE a AS SELECT 1 AS n;
CREATE UNIQUE INDEX CONCURRENTLY a_n ON a (n);
CREATE TABLE b (id int);
"""
BACK = f"{OUTSIDE}DROP TABLE b;\nDROP INDEX CONCURRENTLY a_n;\nDROP TABLE a;"


@pytest.fixture
def database(blank: Scratch) -> Database:
    return Database(blank)


def settle(database: Database, which: Migration, how: Any) -> None:
    with database.session() as session:
        resolve(session, which, how, **database.how({}))


def fail_on_duplicates(database: Database, text: str = TEXT) -> ChangeFailed:
    """The unique index can't be made: the table has the same row twice."""
    text = text.replace("SELECT 1 AS n", "SELECT 1 AS n FROM generate_series(1, 2)")
    with pytest.raises(ChangeFailed) as caught:
        database.up(migration("0001_a", text, BACK))
    return caught.value


DOUBLED = migration(
    "0001_a", TEXT.replace("SELECT 1 AS n", "SELECT 1 AS n FROM generate_series(1, 2)"), BACK
)


def test_up_and_down(database: Database) -> None:
    both = migration("0001_a", TEXT, BACK), table(2)
    assert database.up(*both) == ("0001_a", "0002_t2")
    entry = database.entries()[0]
    assert (entry.state, entry.statements, entry.statements_done, entry.error) == (
        *("applied", 3, 3, ""),
    )
    assert entry.seconds > 0
    assert database.down(*both, to="0") == ("0002_t2", "0001_a")
    assert database.entries() == ()
    assert database.tables() == set()


def test_a_failure_is_recorded_with_the_ways_on(database: Database) -> None:
    error = fail_on_duplicates(database)
    assert "migrations/0001_a.sql:3:1: could not create unique index" in error.message
    assert "invalid index public.a_n: DROP INDEX CONCURRENTLY public.a_n" in error.message
    assert "1 of 3 statements of 0001_a are applied; no migration is applied" in error.message
    assert "--resume 0001" in error.hint
    (entry,) = database.entries()
    assert (entry.state, entry.statements, entry.statements_done) == ("failed", 3, 1)
    assert "could not create unique index" in entry.error
    with pytest.raises(UsageError, match=r"failed at statement 2 of 3: .*unique index") as caught:
        database.up(DOUBLED, table(2))
    assert "`rfdata migrate up --resume 0001` goes on at statement 2" in caught.value.hint
    assert "rfdata migrate resolve 0001 --as applied" in caught.value.hint
    assert "rfdata migrate resolve 0001 --as not-applied" in caught.value.hint
    with pytest.raises(UsageError, match="failed at statement 2"):
        database.down(DOUBLED)


def test_again_waits_for_the_invalid_index_to_go_and_then_goes_on(database: Database) -> None:
    fail_on_duplicates(database)
    database.scratch.run("DELETE FROM a WHERE ctid > (SELECT min(ctid) FROM a)")
    with pytest.raises(UsageError, match=r"0001_a.sql:3:1: the invalid index public.a_n") as caught:
        settle(database, DOUBLED, "again")
    assert "DROP INDEX CONCURRENTLY public.a_n" in caught.value.hint
    assert database.states() == {"0001_a": "failed"}
    database.scratch.run("DROP INDEX a_n")
    settle(database, DOUBLED, "again")
    (entry,) = database.entries()
    assert (entry.state, entry.statements_done, entry.error) == ("applied", 3, "")
    assert database.tables() == {"a", "b"}
    assert database.up(DOUBLED, table(2)) == ("0002_t2",)


def test_again_may_fail_again(database: Database) -> None:
    fail_on_duplicates(database)
    database.scratch.run("DROP INDEX a_n")
    with pytest.raises(ChangeFailed, match="could not create unique index"):
        settle(database, DOUBLED, "again")
    (entry,) = database.entries()
    assert (entry.state, entry.statements_done) == ("failed", 1)


def test_what_is_done_may_not_be_edited_but_the_rest_may(database: Database) -> None:
    fail_on_duplicates(database)
    database.scratch.run("DROP INDEX a_n")
    with pytest.raises(UsageError, match="edited in what is done already: its first 1"):
        settle(database, migration("0001_a", TEXT), "again")
    mended = migration("0001_a", DOUBLED.script.text.replace("UNIQUE ", ""))
    settle(database, mended, "again")
    (entry,) = database.entries()
    assert (entry.state, entry.checksum) == ("applied", mended.script.checksum)


def test_a_transaction_cannot_be_asked_for_in_the_middle(database: Database) -> None:
    fail_on_duplicates(database)
    inside = migration("0001_a", DOUBLED.script.text.removeprefix(OUTSIDE))
    with pytest.raises(UsageError, match="asks for a transaction now"):
        settle(database, inside, "again")


@pytest.mark.parametrize(
    ("how", "states"), [("applied", {"0001_a": "applied"}), ("not-applied", {})]
)
def test_a_person_says_what_it_has_become(
    database: Database, how: str, states: dict[str, str]
) -> None:
    fail_on_duplicates(database)
    settle(database, DOUBLED, how)
    assert database.states() == states
    assert all(entry.error == "" for entry in database.entries())
    with pytest.raises(UsageError, match="nothing of it is unfinished"):
        settle(database, DOUBLED, how)


def test_only_what_is_unfinished_can_be_settled(database: Database) -> None:
    with pytest.raises(UsageError, match=r"0001_t1.sql is not applied"):
        settle(database, table(1), "applied")
    database.up(table(1))
    with pytest.raises(UsageError, match=r"0001_t1.sql is applied"):
        settle(database, table(1), "again")


def test_if_not_exists_does_not_take_an_invalid_index_for_good(database: Database) -> None:
    fail_on_duplicates(database)
    database.scratch.run("UPDATE rfdata.migrations SET state = 'applied', error = ''")
    second = migration("0002_b", f"{OUTSIDE}CREATE INDEX CONCURRENTLY IF NOT EXISTS a_n ON a (n);")
    with pytest.raises(ChangeFailed, match=r"left the invalid index public.a_n"):
        database.up(DOUBLED, second)
    assert database.states()["0002_b"] == "failed"


def test_an_index_without_a_name_is_found_too(database: Database) -> None:
    text = TEXT.replace("CONCURRENTLY a_n", "CONCURRENTLY")
    assert "invalid index public.a_n_idx" in fail_on_duplicates(database, text).message


def test_a_rollback_that_stopped_goes_on(database: Database) -> None:
    made = migration("0001_a", TEXT, BACK)
    database.up(made)
    database.scratch.run("CREATE VIEW v AS SELECT n FROM a")
    with pytest.raises(ChangeFailed, match="2 of 3 statements of 0001_a are taken back"):
        database.down(made)
    assert database.states() == {"0001_a": "failed"}
    assert database.entries()[0].checksum == made.script.checksum
    database.scratch.run("DROP VIEW v")
    settle(database, made, "again")
    assert database.entries() == ()
    assert database.tables() == set()


def test_settings_of_a_file_hold_for_its_later_statements_also_after_a_failure(
    database: Database,
) -> None:
    text = f"""{OUTSIDE}SET search_path = pg_catalog, public;
SET work_mem = '1234kB';
CREATE TABLE public.later AS SELECT current_setting('work_mem') AS w FROM public.missing;"""
    unlucky = migration("0001_a", text)
    with pytest.raises(ChangeFailed, match="missing"):
        database.up(unlucky)
    database.scratch.run("CREATE TABLE missing AS SELECT 1; GRANT SELECT ON missing TO PUBLIC")
    settle(database, unlucky, "again")
    assert database.scratch.run("SELECT w FROM later") == [("1234kB",)]


def test_verify_is_looked_at_last_and_again(database: Database) -> None:
    text = f"{OUTSIDE}CREATE TABLE a (n int);"
    proved = migration("0001_a", text, verify="SELECT count(*) = 1 AS filled FROM a")
    with pytest.raises(ChangeFailed, match=r"verify/0001_a.sql, line 1: not true: filled"):
        database.up(proved)
    (entry,) = database.entries()
    assert (entry.state, entry.statements_done) == ("failed", 1)
    with pytest.raises(ChangeFailed, match="not true: filled"):
        settle(database, proved, "again")
    database.scratch.run("INSERT INTO a VALUES (1)")
    settle(database, proved, "again")
    assert database.states() == {"0001_a": "applied"}


def test_the_ledger_is_written_whatever_a_file_makes_of_the_session(database: Database) -> None:
    text = f"""{OUTSIDE}CREATE TABLE a (n int);
SELECT set_config('default_transaction_read_only', 'on', false);
SELECT set_config('search_path', 'pg_temp', false), set_config('role', 'none', false);
SELECT 1;"""
    assert database.up(migration("0001_a", text), table(2)) == ("0001_a", "0002_t2")
    assert database.entries()[0].statements_done == 4


def test_a_lock_is_asked_for_again_statement_by_statement(database: Database) -> None:
    database.up(table(1))
    added = migration("0002_b", f"{OUTSIDE}CREATE TABLE b (n int);\nALTER TABLE t1 ADD n int;")
    with database.session() as other:
        other.execute("SET application_name = 'reports'; BEGIN; LOCK TABLE t1 IN SHARE MODE")
        with pytest.raises(ChangeFailed) as caught:
            database.up(table(1), added)
        assert f"pid {other.info.backend_pid} (postgres, reports" in caught.value.message
    assert "it was begun 3 times" in caught.value.message
    assert database.entries()[1].statements_done == 1
    settle(database, added, "again")
    assert database.states()["0002_b"] == "applied"


def test_what_is_done_concurrently_waits_for_others_as_long_as_it_takes(
    database: Database,
) -> None:
    """Giving up after the lock timeout would leave an invalid index each time."""
    database.up(table(1))
    made = migration("0002_b", f"{OUTSIDE}CREATE INDEX CONCURRENTLY ON t1 (id);")
    with database.session() as writer, database.session() as looker:
        writer.execute("BEGIN; INSERT INTO t1 VALUES (1)")

        def progress(said: str) -> None:
            if said.startswith("0002_b waits"):
                writer.execute("COMMIT")

        # were it to give up, it would before we are told
        patience = replace(HASTY, lock_timeout=0.003)
        database.up(table(1), made, progress=progress, patience=patience)
        assert (
            looker.execute("SELECT indisvalid FROM pg_index WHERE NOT indisvalid").fetchall() == []
        )
    assert database.states()["0002_b"] == "applied"


def test_who_says_begun_and_no_more(database: Database) -> None:
    """As a crash leaves it."""
    text = f"{OUTSIDE}CREATE TABLE a (n int);\nCREATE TABLE b (n int);"
    cut = migration("0001_a", text)
    database.up(table(9))
    with database.session() as session:
        session.execute("DELETE FROM rfdata.migrations")
        record = ledger.Record(session, database.how({})["author"])
        session.execute(record.insert(cut, "applying", 2).encode())
        with pytest.raises(UsageError, match="statement 1 of 2 may be done or not"):
            choose.to_apply(folder([cut]), ledger.read(session))
    settle(database, cut, "again")
    assert {"a", "b"} <= database.tables()


def test_a_file_that_no_longer_fits_is_refused_before_it_goes_on(database: Database) -> None:
    fail_on_duplicates(database)
    database.scratch.run("DROP INDEX a_n")
    worse = migration(
        "0001_a", DOUBLED.script.text.replace("CREATE TABLE b", "COMMIT; CREATE TABLE b")
    )
    with pytest.raises(RfdataError, match="COMMIT"):
        settle(database, worse, "again")
    assert database.states() == {"0001_a": "failed"}
