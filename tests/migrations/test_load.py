"""The small live load: it measures, it harms nothing, and it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from tests.migrations.conftest import Scratch
from tests.migrations.laboratory import Laboratory, until

from rfdata.migrations.load import load
from rfdata.migrations.locks import Target, targets

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'lab.people'::regclass"


@pytest.fixture
def laboratory(blank: Scratch) -> Laboratory:
    return Laboratory(blank)


@pytest.fixture
def session(laboratory: Laboratory) -> Iterator[Session]:
    with laboratory.scratch.superuser() as connected:
        yield connected


def existing(session: Session) -> list[Target]:
    return list(targets(session).values())


def test_who_reads_and_who_writes_wait_for_the_lock(
    laboratory: Laboratory, session: Session
) -> None:
    with (
        load(laboratory.scratch.superuser) as traffic,
        traffic.measuring(existing(session)) as waits,
    ):
        with session.transaction():
            session.execute("LOCK lab.people")
            until(lambda: session.execute(WAITING).fetchall() == [(2,)])
            both_wait = monotonic()
        waited = monotonic() - both_wait
    assert waits[0].worst >= waited * 0.5
    assert 0 < waits[0].median < waits[0].worst
    assert waits[0].statements >= 2


def test_what_is_dropped_renamed_or_read_only_does_not_matter(
    laboratory: Laboratory, session: Session
) -> None:
    tables = existing(session)
    session.execute("DROP TABLE lab.notes")
    session.execute("ALTER TABLE lab.log_2025 RENAME TO log_old")
    with load(laboratory.scratch.superuser) as traffic:
        seen = 0
        while seen < 3 * len(tables):
            with traffic.measuring(tables) as waits:
                until(lambda: session.execute("SELECT pg_stat_clear_snapshot()"))
            seen += waits[0].statements if waits else 0
        assert traffic.trouble == ""
    assert session.execute("SELECT count(*) FROM lab.people").fetchall() == [(100,)]


def test_triggers_do_not_fire(laboratory: Laboratory, session: Session) -> None:
    session.execute("CREATE SEQUENCE lab.fired")
    session.execute(
        "CREATE FUNCTION lab.fire() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM nextval(''lab.fired''); RETURN NULL; END'"
    )
    session.execute(
        "CREATE TRIGGER t BEFORE DELETE ON lab.people FOR EACH STATEMENT EXECUTE FUNCTION lab.fire()"
    )
    people = [Target("lab", "people", has_rows=True)]
    with load(laboratory.scratch.superuser) as traffic:
        seen = 0
        while seen < 20:
            with traffic.measuring(people) as waits:
                session.execute("SELECT 1")
            seen += waits[0].statements if waits else 0
    assert session.execute("SELECT is_called FROM lab.fired").fetchall() == [(False,)]


def test_a_load_that_broke_off_says_so(laboratory: Laboratory, session: Session) -> None:
    with load(laboratory.scratch.superuser) as traffic, traffic.measuring(existing(session)):
        until(
            lambda: session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND query LIKE '%%FROM ONLY%%'"
            ).fetchall()
        )
        until(lambda: traffic.trouble)
    assert "terminat" in traffic.trouble


def test_nothing_of_it_is_left(laboratory: Laboratory, session: Session) -> None:
    before = threading.active_count()
    with load(laboratory.scratch.superuser):
        assert threading.active_count() == before + 2
    assert threading.active_count() == before
