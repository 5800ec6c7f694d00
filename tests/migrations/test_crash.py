"""Killed in the middle, the client or the server's process: all or nothing, and the next run ends it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.conftest import Fork
from tests.migrations.conftest import Scratch
from tests.migrations.running import Database, folder, migration, table

from rfdata.errors import ChangeFailed, UsageError
from rfdata.migrations import choose, ledger, runner
from rfdata.migrations.migration import Migration, Patience
from rfdata.migrations.resolve import resolve

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

GATE = 4711
"""An advisory lock of the test's, at which a migration waits."""
STOP = f"SELECT pg_advisory_xact_lock({GATE});"
WAITING = (
    "SELECT l.pid FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database"
    f" WHERE l.locktype = 'advisory' AND l.objid = {GATE} AND NOT l.granted"
    " AND d.datname = current_database()"
)

MIDDLES = {
    "first statement": (f"{STOP} CREATE TABLE a (id int); CREATE TABLE b (id int);", None, False),
    "between": (f"CREATE TABLE a (id int); {STOP} CREATE TABLE b (id int);", None, False),
    "last statement": (f"CREATE TABLE a (id int); CREATE TABLE b (id int); {STOP}", None, False),
    "with a proof to come": (f"CREATE TABLE a (id int); {STOP}", "SELECT true AS fine", False),
    "in the proof": (
        "CREATE TABLE a (id int);",
        f"SELECT pg_advisory_xact_lock({GATE}) IS NOT NULL AS waited",
        False,
    ),
    "at the commit": (
        f"""CREATE TABLE a (id int);
        CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock({GATE}); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON a DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION stop();
        INSERT INTO a VALUES (1);""",
        None,
        False,
    ),
    "observed": (f"CREATE TABLE a (id int); {STOP} CREATE TABLE b (id int);", None, True),
}


class Nobody:
    """Looks at nothing: the statements are sent one by one."""

    def started(self, name: str) -> None: ...
    def statement(self, session: Session, statement: object) -> None: ...
    def ended(self, name: str) -> None: ...


@pytest.fixture
def database(blank: Scratch) -> Database:
    return Database(blank)


@contextmanager
def gate(database: Database) -> Iterator[Session]:
    with database.session() as session:
        session.execute("SELECT pg_advisory_lock(%s)", [GATE])
        yield session


def waiting(session: Session, gone: Callable[[], bool] = lambda: False) -> int:
    """The process that waits at the gate, as soon as there is one."""
    for _ in range(20_000):
        rows = session.execute(WAITING.encode()).fetchall()
        if rows:
            return int(rows[0][0])
        assert not gone()
    raise AssertionError("nobody came")


def until_gone(session: Session, pid: int) -> None:
    for _ in range(20_000):
        rows = session.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchall()
        if not rows:
            return
    raise AssertionError("it is still there")


def start(database: Database, fork: Fork, files: tuple[Migration, ...], observed: bool) -> int:
    patience = {"patience": Patience(lock_timeout=60, lock_retries=0)}

    def work() -> None:
        observer = Nobody() if observed else None
        with database.session() as session:
            chosen = choose.to_apply(folder(files), ledger.read(session))
            runner.up(session, chosen, **database.how({**patience, "observer": observer}))

    return fork(work)


@pytest.mark.parametrize("where", MIDDLES)
@pytest.mark.parametrize("whom", ["client", "backend"])
def test_killed_in_a_transaction(database: Database, fork: Fork, where: str, whom: str) -> None:
    text, proof, observed = MIDDLES[where]
    files = table(1), migration("0002_cut", text, verify=proof), table(3)
    with gate(database) as session:
        child = start(database, fork, files, observed)
        pid = waiting(session)
        if whom == "client":
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            session.execute("SELECT pg_terminate_backend(%s)", [pid])  # it would wait at our gate
        else:
            session.execute("SELECT pg_terminate_backend(%s)", [pid])
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
        until_gone(session, pid)
        assert database.states() == {"0001_t1": "applied"}
        assert database.tables() == {"t1"}
        assert database.advisory_locks() == 1  # the gate's own
    assert database.up(*files) == ("0002_cut", "0003_t3")
    assert {"t1", "a", "t3"} <= database.tables()


def test_killed_while_the_server_goes_on(database: Database, fork: Fork) -> None:
    """The whole message has arrived: without its client, the server ends it, or doesn't, as a whole."""
    files = table(1), migration("0002_cut", MIDDLES["between"][0])
    with gate(database) as session:
        child = start(database, fork, files, observed=False)
        pid = waiting(session)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with database.session() as session:
        until_gone(session, pid)
    applied = "0002_cut" in database.states()
    assert ({"a", "b"} <= database.tables()) == applied
    assert database.up(*files) == (() if applied else ("0002_cut",))


@pytest.mark.parametrize("observed", [False, True])
def test_what_is_said_when_the_connection_ends(database: Database, observed: bool) -> None:
    text = """CREATE TABLE a (id int); DO $$ BEGIN RESET SESSION AUTHORIZATION; END $$;
    SELECT pg_terminate_backend(pg_backend_pid());"""
    with pytest.raises(ChangeFailed, match=r"57P01|closed the connection") as caught:
        database.up(migration("0001_a", text), observer=Nobody() if observed else None)
    if observed:
        assert "nothing of 0001_a was applied" in caught.value.message
    else:
        assert "whether 0001_a was applied is unknown" in caught.value.message
        assert "reads the ledger" in caught.value.hint
    assert database.entries() == ()
    assert database.tables() == set()


@pytest.mark.parametrize("whom", ["client", "backend"])
def test_killed_outside_of_a_transaction(database: Database, fork: Fork, whom: str) -> None:
    """What was done stays and is counted; the rest waits for somebody who says how to go on."""
    text = f"-- rfdata: no-transaction\nCREATE TABLE a (id int);\n{STOP}\nCREATE TABLE b (id int);"
    cut = migration("0002_cut", text)
    with gate(database) as session:
        child = start(database, fork, (table(1), cut), observed=False)
        pid = waiting(session)
        if whom == "client":
            os.kill(child, signal.SIGKILL)
        session.execute("SELECT pg_terminate_backend(%s)", [pid])
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
        until_gone(session, pid)
    assert database.states() == {"0001_t1": "applied", "0002_cut": "applying"}
    assert database.entries()[1].statements_done == 1
    assert database.tables() == {"t1", "a"}
    with pytest.raises(UsageError, match="statement 2 of 3 may be done or not") as caught:
        database.up(table(1), cut)
    assert "--resume 0002" in caught.value.hint
    with database.session() as session:
        resolve(session, cut, "again", **database.how({}))
    assert database.tables() == {"t1", "a", "b"}
    assert database.up(table(1), cut) == ()


def test_interrupted_by_a_person(database: Database, fork: Fork) -> None:
    """Ctrl-C cancels what the server does, and nothing of it is left."""
    files = (migration("0001_cut", MIDDLES["between"][0]),)
    with gate(database) as session:
        child = start(database, fork, files, observed=False)
        pid = waiting(session)
        os.kill(child, signal.SIGINT)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
        until_gone(session, pid)
        assert database.entries() == ()
        assert database.tables() == set()
    assert database.up(*files) == ("0001_cut",)


@pytest.mark.parametrize("milliseconds", [1, 3, 7, 15, 30, 60])
def test_killed_at_any_moment_the_next_run_converges(
    database: Database, fork: Fork, milliseconds: int
) -> None:
    """Wherever it strikes, tables and ledger say the same."""
    files = tuple(table(number) for number in range(1, 40))
    child = start(database, fork, files, observed=False)
    with database.session() as session:
        for _ in range(milliseconds):
            session.execute("SELECT count(*) FROM pg_class").fetchall()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    database.up(*files)
    assert database.tables() == {f"t{number}" for number in range(1, 40)}
    assert list(database.states()) == [made.name for made in files]
