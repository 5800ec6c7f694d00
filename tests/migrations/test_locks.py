"""Which locks a migration holds on what was there: in a transaction, and outside of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import pytest
from tests.migrations.conftest import Scratch
from tests.migrations.laboratory import Laboratory

from rfdata.migrations.lexer import statements
from rfdata.migrations.locks import BLOCKS, Watch, gate, targets

if TYPE_CHECKING:
    from rfdata.postgres.client import Session


@pytest.fixture
def laboratory(blank: Scratch) -> Laboratory:
    return Laboratory(blank)


@pytest.fixture
def session(laboratory: Laboratory) -> Iterator[Session]:
    with laboratory.scratch.superuser() as connected:
        yield connected


def run(session: Session, sql: str, watch: Watch) -> None:
    """Each statement, and then a look, as the runner does it."""
    for statement in statements(sql):
        session.execute(statement.text.encode())
        watch.statement(session, statement)


def seen(watch: Watch) -> set[str]:
    return {f"{held.mode} on {held.relation}" for held in watch.held}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("ALTER TABLE lab.notes ADD more text", "ACCESS EXCLUSIVE on lab.notes"),
        ("DROP TABLE lab.notes", "ACCESS EXCLUSIVE on lab.notes"),
        ("CREATE INDEX ON lab.notes (note)", "SHARE on lab.notes"),
        (
            "ALTER TABLE lab.notes ADD FOREIGN KEY (id) REFERENCES lab.people",
            "SHARE ROW EXCLUSIVE on lab.people",
        ),
        (
            "CREATE TABLE lab.more (id int REFERENCES lab.people)",
            "SHARE ROW EXCLUSIVE on lab.people",
        ),
        ("ANALYZE lab.notes", "SHARE UPDATE EXCLUSIVE on lab.notes"),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY lab.names", "EXCLUSIVE on lab.names"),
        ("UPDATE lab.notes SET note = ''", "ROW EXCLUSIVE on lab.notes"),
        ("SELECT FROM lab.notes FOR UPDATE", "ROW SHARE on lab.notes"),
        ("ALTER TABLE lab.log ADD more text", "ACCESS EXCLUSIVE on lab.log_2025"),
        ("SET LOCAL search_path = nowhere; DROP VIEW IF EXISTS v; LOCK lab.log", "ACCESS EXCLUSIVE on lab.log"),
    ],
)  # fmt: skip
def test_locks_of_a_transaction(session: Session, sql: str, expected: str) -> None:
    watch = Watch(targets(session))
    with session.transaction(force_rollback=True):
        run(session, sql, watch)
    watch.ended()
    assert expected in seen(watch)


def test_what_blocks_nobody_is_left_out(session: Session) -> None:
    """A SELECT's lock, and every lock on what the migration has made itself."""
    watch = Watch(targets(session))
    with session.transaction(force_rollback=True):
        run(session, "CREATE TABLE lab.own (id int); SELECT count(*) FROM lab.notes", watch)
        run(session, "ALTER TABLE lab.own ADD more text; DROP TABLE lab.own", watch)
    watch.ended()
    assert watch.held == ()


def test_a_lock_is_held_from_its_statement_to_the_end(session: Session) -> None:
    watch = Watch(targets(session))
    with session.transaction(force_rollback=True):
        run(session, "LOCK lab.people; LOCK lab.notes; SELECT 1", watch)
    watch.ended()
    people, notes = watch.held
    assert (people.relation, notes.relation) == ("lab.people", "lab.notes")
    assert people.seconds > notes.seconds > 0
    assert str(people).endswith("nobody reads or writes")


def test_a_file_begun_anew_has_let_go_of_its_locks(session: Session) -> None:
    watch = Watch(targets(session))
    with session.transaction(force_rollback=True):
        run(session, "LOCK lab.people", watch)
    with session.transaction(force_rollback=True):
        run(session, "LOCK lab.notes", watch)
    watch.ended()
    assert seen(watch) == {"ACCESS EXCLUSIVE on lab.notes"}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE INDEX CONCURRENTLY more ON lab.notes (note)", "SHARE UPDATE EXCLUSIVE on lab.notes"),
        ("DROP INDEX CONCURRENTLY lab.by_note", "SHARE UPDATE EXCLUSIVE on lab.notes"),
        ("REINDEX TABLE CONCURRENTLY lab.notes", "SHARE UPDATE EXCLUSIVE on lab.notes"),
        ("VACUUM lab.notes", "SHARE UPDATE EXCLUSIVE on lab.notes"),
        ("VACUUM FULL lab.notes", "ACCESS EXCLUSIVE on lab.notes"),
        ("ALTER TABLE lab.log DETACH PARTITION lab.log_2025 CONCURRENTLY", "SHARE UPDATE EXCLUSIVE on lab.log"),
        ("ALTER TABLE lab.notes ADD more text", "ACCESS EXCLUSIVE on lab.notes"),
    ],
)  # fmt: skip
def test_locks_outside_of_a_transaction(
    laboratory: Laboratory, session: Session, sql: str, expected: str
) -> None:
    session.execute("CREATE INDEX by_note ON lab.notes (note)")
    watch = Watch(targets(session))

    def connect() -> AbstractContextManager[Session]:
        return laboratory.scratch.superuser()

    with gate(connect, session.info.backend_pid, watch):
        run(session, sql, watch)
    watch.ended()
    assert expected in seen(watch)


def test_a_gate_that_can_t_be_shut_stops_nobody(session: Session, laboratory: Laboratory) -> None:
    watch = Watch(targets(session))
    with gate(lambda: laboratory.connect("nowhere"), session.info.backend_pid, watch):
        run(session, "CREATE INDEX CONCURRENTLY ON lab.notes (note)", watch)
    assert watch.held == ()


def test_every_mode_says_what_it_blocks(session: Session) -> None:
    """As the server has it: whom a reader and a writer get along with."""
    reading = {"ACCESS EXCLUSIVE"}
    writing = {*reading, "EXCLUSIVE", "SHARE ROW EXCLUSIVE", "SHARE"}
    for mode, words in BLOCKS.items():
        assert ("nobody reads" in words) == (mode in reading)
        assert ("nobody" in words and "writes" in words) == (mode in writing)
