"""Scratch copies: how they are made, who gets into them, and that none outlives its rehearsal."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.conftest import Fork
from tests.migrations.conftest import Scratch
from tests.migrations.laboratory import Laboratory, until
from tests.migrations.running import migration

from rfdata.errors import UsageError
from rfdata.migrations import copy
from rfdata.migrations.catalogue import differences, snapshot
from rfdata.postgres.client import MAINTENANCE

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

GOOD = migration(
    "0001_more", "ALTER TABLE lab.notes ADD more text;", "ALTER TABLE lab.notes DROP more;"
)
SLEEPS = migration("0001_sleeps", "SELECT pg_sleep(600);", "SELECT 1;")


@pytest.fixture
def laboratory(blank: Scratch) -> Laboratory:
    return Laboratory(blank)


def test_settings_of_the_database_hold_on_the_copy(laboratory: Laboratory) -> None:
    laboratory.scratch.run(
        f'ALTER DATABASE {laboratory.scratch.name} SET search_path = lab, "$user", public'
    )
    with laboratory.copy() as made, laboratory.connect(made.name) as session:
        assert session.execute("SHOW search_path").fetchall() == [('lab, "$user", public',)]


def test_nobody_else_gets_into_the_copy(laboratory: Laboratory) -> None:
    with laboratory.copy() as made, laboratory.connect(made.name) as session:
        row = session.execute(
            "SELECT datconnlimit, datallowconn, pg_get_userbyid(datdba),"
            " has_database_privilege('researchflow_user', oid, 'CONNECT'),"
            " shobj_description(oid, 'pg_database')"
            " FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    assert row[:4] == (0, True, "researchflow_owner", False)
    assert row[4].startswith(
        f"rfdata rehearsal of {laboratory.scratch.name}: process {os.getpid()}"
    )


def test_a_database_in_use_is_dumped(laboratory: Laboratory) -> None:
    said: list[str] = []
    with laboratory.scratch.superuser() as session:
        before = snapshot(session)
        result = laboratory.rehearse(GOOD, tools=laboratory.tools, progress=said.append)
        assert result.trouble == ""
        assert result.method == "dump"
        with laboratory.copy(laboratory.tools) as made, laboratory.connect(made.name) as other:
            rows = other.execute("SELECT count(*) FROM lab.notes").fetchall()
            left = differences(before, snapshot(other))
    assert rows == [(50,)]
    assert {line.partition(":")[0] for line in left} == {"database itself"}
    assert any("(dump)" in line for line in said)


def test_of_a_large_database_only_small_tables_have_rows(laboratory: Laboratory) -> None:
    """And nothing that refers to a row which isn't there."""
    laboratory.scratch.run(
        "INSERT INTO lab.people SELECT n, repeat('x', 200) FROM generate_series(101, 9000) AS n"
    )
    laboratory.scratch.run("INSERT INTO lab.log VALUES ('2025-05-05')")
    with (
        laboratory.copy(laboratory.tools, limit=1) as made,
        laboratory.connect(made.name) as session,
    ):
        assert made.method == "schema"
        counted = session.execute(
            "SELECT (SELECT count(*) FROM lab.people), (SELECT count(*) FROM lab.notes),"
            " (SELECT count(*) FROM lab.log)"
        ).fetchall()
    assert counted == [(0, 0, 1)]
    assert laboratory.rehearse(GOOD, tools=laboratory.tools, limit=1).passed


def test_in_use_and_no_tools(laboratory: Laboratory) -> None:
    with laboratory.scratch.superuser(), pytest.raises(UsageError, match="somebody is connected"):
        laboratory.rehearse(GOOD)
    assert laboratory.copies() == []


def test_what_a_killed_rehearsal_leaves_is_removed_by_the_next(
    laboratory: Laboratory, fork: Fork
) -> None:
    child = fork(lambda: laboratory.rehearse(SLEEPS))
    until(lambda: _sleeping(laboratory))
    (left,) = laboratory.copies()
    with laboratory.connect(MAINTENANCE) as session:
        assert copy.remove_leftovers(session) == ()  # its rfdata is at work
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while not (removed := copy.remove_leftovers(session)):
            pass  # the server has yet to notice
    assert removed == (left,)
    assert laboratory.copies() == []


def test_a_copy_that_was_never_finished_is_a_leftover_too(laboratory: Laboratory) -> None:
    """Killed after CREATE DATABASE: it has no comment yet, but nobody was ever let in."""
    name = f"{laboratory.scratch.name}_rehearsal_0123456789ab"
    laboratory.scratch.run(f"CREATE DATABASE {name} ALLOW_CONNECTIONS false")
    assert laboratory.rehearse(GOOD).passed
    assert laboratory.copies() == []


def test_a_database_with_an_odd_name(laboratory: Laboratory) -> None:
    name = 'a "quoted" dbname=b é' + 40 * "x"
    quoted = '"' + name.replace('"', '""') + '"'
    laboratory.scratch.run(f"CREATE DATABASE {quoted} OWNER researchflow_owner TEMPLATE template0")
    try:
        for tools in (None, laboratory.tools):
            with (
                laboratory.connect(name if tools else MAINTENANCE),
                copy.scratch(laboratory.connect, name, tools) as made,
            ):
                assert made.method == ("dump" if tools else "template")
                assert len(made.name.encode()) <= 63
    finally:
        laboratory.scratch.run(f"DROP DATABASE {quoted}")


def test_who_may_make_no_database_is_told(laboratory: Laboratory) -> None:
    @contextmanager
    def as_migrator(database: str) -> Iterator[Session]:
        with laboratory.connect(database) as session:
            session.execute("SET SESSION AUTHORIZATION researchflow_migrator")
            yield session

    with (
        pytest.raises(UsageError, match="permission denied to create database"),
        copy.scratch(as_migrator, laboratory.scratch.name, None),
    ):
        pass


def test_of_others_databases_none_is_removed(laboratory: Laboratory) -> None:
    """A name like a copy's is not enough."""
    name = f"{laboratory.scratch.name}_rehearsal_0123456789ab"
    laboratory.scratch.run(f"CREATE DATABASE {name}")
    try:
        with laboratory.connect(MAINTENANCE) as session:
            assert copy.remove_leftovers(session) == ()
        assert laboratory.copies() == [name]
    finally:
        laboratory.scratch.run(f"DROP DATABASE {name}")


def test_an_interrupted_rehearsal_leaves_nothing(laboratory: Laboratory, fork: Fork) -> None:
    child = fork(lambda: laboratory.rehearse(SLEEPS))
    until(lambda: _sleeping(laboratory))
    os.kill(child, signal.SIGINT)
    os.waitpid(child, 0)
    assert laboratory.copies() == []


def _sleeping(laboratory: Laboratory) -> bool:
    with laboratory.connect(MAINTENANCE) as session:
        rows = session.execute("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
        return len(rows.fetchall()) == 1
