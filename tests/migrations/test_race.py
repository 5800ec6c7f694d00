"""Ten at once: each migration is applied exactly once, and all of them end well."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest
from tests.conftest import Fork
from tests.migrations.conftest import Scratch
from tests.migrations.running import HASTY, Database, folder, migration, table

from rfdata.errors import Unreachable
from rfdata.migrations import choose, ledger, runner
from rfdata.migrations.alone import alone
from rfdata.migrations.migration import Migration, Patience

TEN = 10


@pytest.fixture
def database(blank: Scratch) -> Database:
    return Database(blank)


def race(fork: Fork, work: Callable[[], object]) -> list[int]:
    """Ten processes that begin at the same time; their exit statuses."""
    read_end, write_end = os.pipe()

    def wait_and_work() -> None:
        os.close(write_end)
        os.read(read_end, 1)  # ends when the last writer has closed it
        work()

    children = [fork(wait_and_work) for _ in range(TEN)]
    os.close(write_end)
    os.close(read_end)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def counted(number: int) -> Migration:
    """Leaves a row each time that it is run, and fails when it is run twice."""
    name = f"t{number}"
    return migration(
        f"{number:04}_{name}",
        f"CREATE TABLE {name} (id int PRIMARY KEY); INSERT INTO runs VALUES ({number});",
        f"DROP TABLE {name}; DELETE FROM runs WHERE number = {number};",
    )


def test_ten_at_once_on_a_new_database(database: Database, fork: Fork) -> None:
    first = migration("0000_runs", "CREATE TABLE runs (number int)")
    concurrently = migration(
        "0009_i",
        "-- rfdata: no-transaction\nCREATE INDEX CONCURRENTLY ON t1 (id);\n"
        "INSERT INTO runs VALUES (9);",
    )
    files = (first, *(counted(number) for number in range(1, 9)), concurrently, counted(10))

    def work() -> None:
        with database.session() as session, alone(session, HASTY):
            chosen = choose.to_apply(folder(files), ledger.read(session))
            runner.up(session, chosen, **database.how({}))

    assert race(fork, work) == [0] * TEN
    assert database.scratch.run("SELECT number FROM runs ORDER BY 1") == [
        (number,) for number in range(1, 11)
    ]
    assert set(database.states().values()) == {"applied"}
    assert len(database.entries()) == len(files)
    assert database.advisory_locks() == 0


def test_ten_that_chose_before_anyone_had_begun(database: Database, fork: Fork) -> None:
    """What was chosen from an old reading of the ledger is looked at again under the lock."""
    files = (migration("0000_runs", "CREATE TABLE runs (number int)"), *map(counted, range(1, 6)))

    def work() -> None:
        with database.session() as session:
            runner.up(session, files, **database.how({}))

    assert race(fork, work) == [0] * TEN
    assert database.scratch.run("SELECT count(*), count(DISTINCT number) FROM runs") == [(5, 5)]


def test_ten_down_at_once(database: Database, fork: Fork) -> None:
    files = (migration("0000_runs", "CREATE TABLE runs (number int)"), *map(counted, range(1, 6)))
    database.up(*files)

    def work() -> None:
        with database.session() as session:
            runner.down(session, files[:0:-1], **database.how({}))

    assert race(fork, work) == [0] * TEN
    assert database.states() == {"0000_runs": "applied"}
    assert database.tables() == {"runs"}


def test_who_waits_too_long_is_told_for_whom(database: Database) -> None:
    with database.session() as holder, alone(holder):
        patience = Patience(advisory_timeout=0.1)
        with pytest.raises(Unreachable) as caught:
            database.up(table(1), patience=patience)
        pid = holder.info.backend_pid
    assert f"the session with pid {pid} (postgres, rfdata) is migrating" in caught.value.message
    assert any(f"waits for the session with pid {pid}" in said for said in database.said)
    assert database.tables() == set()


def test_the_lock_may_be_nested_and_is_let_go(database: Database) -> None:
    with database.session() as session:
        with alone(session), alone(session):
            assert database.advisory_locks() == 1
        assert database.advisory_locks() == 0


def test_waiting_does_not_hold_up_what_is_done_concurrently(database: Database) -> None:
    """A session inside pg_advisory_lock would, and both would wait for ever."""
    database.up(table(1))
    made = migration(
        "0002_i", "-- rfdata: no-transaction\nCREATE INDEX CONCURRENTLY t1_id ON t1 (id);"
    )
    waits = threading.Event()

    def second() -> None:
        with database.session() as session:
            entries = choose.to_apply(folder([table(1), made]), ledger.read(session))
            runner.up(session, entries, **database.how({"progress": lambda _: waits.set()}))

    thread = threading.Thread(target=second)
    with database.session() as session, alone(session):
        thread.start()
        assert waits.wait(30)
        assert database.up_in(session, table(1), made) == ("0002_i",)
    thread.join(30)
    assert not thread.is_alive()
    assert database.states() == {"0001_t1": "applied", "0002_i": "applied"}


def test_a_lock_that_was_let_go_by_a_file_still_lets_nothing_run_twice(database: Database) -> None:
    """pg_advisory_unlock_all() in a file opens the door; the ledger's key keeps it shut."""
    careless = migration("0001_a", "SELECT pg_advisory_unlock_all()")
    with database.session() as session:

        def progress(said: str) -> None:
            if said == "applies 0002_t2":
                database.up(careless, table(2))

        with pytest.raises(Exception, match=r"0002_t2|already exists"):
            database.up_in(session, careless, table(2), progress=progress)
    assert database.states() == {"0001_a": "applied", "0002_t2": "applied"}
    assert database.tables() == {"t2"}
