"""Adding to the audit trail: one chain an organization whoever writes at once, and no other way in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest
from psycopg import errors
from tests.migrations.conftest import OWNER, Scratch, scratch
from tests.migrations.people import (
    COLLAB,
    GUIDELINES,
    NOBODY,
    ORCHESTRATOR,
    READONLY,
    SERVICE_ROLES,
    WORKER,
    at_once,
    make_organization,
    plans,
    refused,
)
from tests.migrations.trail import append, verify
from tests.postgres.conftest import Cluster

if TYPE_CHECKING:
    pass

WRITERS = 32


@pytest.fixture(scope="module")
def place(pristine: Cluster, schema_template: Scratch) -> Iterator[Scratch]:
    """One database for the tests that add events of organizations of their own."""
    with scratch(pristine, schema_template.name) as made:
        yield made


# Writing.


def test_many_writers_at_once_leave_whole_chains(place: Scratch) -> None:
    """Four organizations' and the system's own."""
    homes = [*(make_organization(place).id for _ in range(4)), None]
    writers = [homes[n % len(homes)] for n in range(WRITERS)]
    outcomes = at_once([partial(append, place, home, 8) for home in writers])
    for home in homes:
        written = [
            sequence
            for writer, outcome in zip(writers, outcomes, strict=True)
            if writer == home and isinstance(outcome, list)
            for sequence in outcome
        ]
        assert sorted(written) == list(range(1, 8 * writers.count(home) + 1))
        assert verify(place, home or NOBODY) == []


def test_one_transaction_after_the_other_and_none_that_failed(place: Scratch) -> None:
    home = make_organization(place)
    append(place, home.id, 1)
    with place.acting_as(WORKER, home.id) as session:
        with session.transaction(force_rollback=True):
            session.execute("SELECT audit.append('run.started')")
        added = session.execute("SELECT audit.append('run.started')").fetchall()
    assert added == [(2,)]
    assert verify(place, home.id) == []


def test_who_acted_is_not_the_callers_to_say(place: Scratch) -> None:
    home = make_organization(place)
    with place.acting_as(COLLAB, home.id, home.steward) as session:
        session.execute(
            "SELECT audit.append('manuscript.approved', 'manuscript', 'm1', '{\"to\": \"final\"}',"
            " 'denied', %s, 'r-1', '2001:db8::1')",
            [NOBODY],
        )
    found = place.run(
        "SELECT sequence, actor_id, actor_role, action, outcome, subject_type, subject_id, details,"
        " session_id, request_id, host(source_address) FROM audit.events WHERE organization_id = %s",
        home.id,
    )
    assert found == [
        (
            *(1, home.steward, COLLAB, "manuscript.approved", "denied", "manuscript", "m1"),
            *({"to": "final"}, NOBODY, "r-1", "2001:db8::1"),
        )
    ]


def test_what_is_no_event_is_not_added(place: Scratch) -> None:
    home = make_organization(place)
    with place.acting_as(WORKER, home.id) as session:
        for arguments in (
            "'Dataset Read'",
            "''",
            "'x', NULL, 'an id of nothing'",
            "'x', outcome => 'perhaps'",
            "'x', details => '[]'",
            "'x', details => jsonb_build_object('much', repeat('x', 65536))",
        ):
            with refused(errors.CheckViolation):
                session.execute(f"SELECT audit.append({arguments})".encode())
        with refused(errors.NotNullViolation):
            session.execute("SELECT audit.append(NULL)")
    assert verify(place, home.id) == []
    assert append(place, home.id, 1) == [1]


def test_the_hash_is_of_every_column(place: Scratch) -> None:
    """And of nothing but the event: not of who looks, nor from which time zone."""
    home = make_organization(place)
    append(place, home.id, 2)
    columns = {
        name
        for (name,) in place.run(
            "SELECT attname::text FROM pg_attribute"
            " WHERE attrelid = 'audit.events'::regclass AND attnum > 0 AND NOT attisdropped"
        )
    }
    changes = {
        "organization_id": "gen_random_uuid()",
        "sequence": "sequence + 1",
        "occurred_at": "occurred_at + interval '1 microsecond'",
        "actor_id": "gen_random_uuid()",
        "actor_role": "actor_role || ' '",
        "action": "action || 'y'",
        "outcome": "'denied'",
        "subject_type": "NULL",
        "subject_id": "'1 '",
        "details": "details || '{\"rows\": 13}'",
        "session_id": "gen_random_uuid()",
        "request_id": "''",
        "source_address": "'127.0.0.1'",
        "previous_hash": "sha256(previous_hash)",
    }
    assert set(changes) == columns - {"hash"}
    for column, value in changes.items():
        listed = ", ".join(
            f"{value} AS {name}" if name == column else name for name in (*changes, "hash")
        )
        same = place.run(
            "SELECT audit.event_hash(e) = hash FROM"
            f" (SELECT (c.*)::audit.events AS e, c.hash FROM (SELECT {listed} FROM audit.events"
            " WHERE organization_id = %s AND sequence = 2) AS c) AS changed",
            home.id,
        )
        assert same == [(False,)], column
    with place.superuser() as session:
        for zone in ("UTC", "Pacific/Chatham"):
            session.execute(
                "SELECT set_config('TimeZone', %s, false), set_config('DateStyle', 'SQL', false)",
                [zone],
            )
            found = session.execute("SELECT * FROM audit.verify_chain(%s)", [home.id]).fetchall()
            assert found == []


def test_an_append_finds_its_way_by_indexes(place: Scratch) -> None:
    home = make_organization(place)
    with place.superuser() as session:
        session.execute("SELECT set_config('app.organization_id', %s, false)", [str(home.id)])
        session.execute("SELECT audit.append('run.started') FROM generate_series(1, 500)")
        session.execute("ANALYZE audit.chains")
        session.execute("ANALYZE audit.events")
        session.execute("SET enable_seqscan = off")  # few organizations here, many elsewhere
        plan = plans(session, "SELECT audit.append('run.started')")
        read = plans(
            session,
            "SELECT * FROM audit.events WHERE organization_id = %s AND subject_type = 'dataset'"
            " AND subject_id = '1' ORDER BY occurred_at DESC LIMIT 20",
            home.id,
        )
    assert "chains_pkey" in plan
    assert "subject_type_subject_id" in read


# Who may do what.


@pytest.mark.parametrize("role", [*SERVICE_ROLES, READONLY])
def test_no_service_changes_removes_or_forges_an_event(place: Scratch, role: str) -> None:
    home = make_organization(place)
    append(place, home.id, 1)
    [(month,)] = place.run("SELECT audit.partition_of(now())")
    with place.acting_as(role, home.id, home.admin) as session:
        session.execute("SET default_transaction_read_only = off")
        for table in ("events", month, "chains", "anchors", "break_glass"):
            for statement in (
                f"INSERT INTO audit.{table} DEFAULT VALUES",
                f"UPDATE audit.{table} SET organization_id = NULL",
                f"DELETE FROM audit.{table}",
                f"TRUNCATE audit.{table}",
            ):
                with refused(errors.InsufficientPrivilege, "permission denied"):
                    session.execute(statement.encode())
        for call in (
            "audit.drop_month('2000-01-01', 'x')",
            "audit.make_partition(now())",
            "audit.may_break_glass()",
        ):
            with refused(errors.InsufficientPrivilege, "permission denied"):
                session.execute(f"SELECT {call}".encode())


def test_an_organization_reads_and_verifies_its_own_chain(place: Scratch) -> None:
    home, away = make_organization(place), make_organization(place)
    append(place, home.id, 2)
    append(place, away.id, 3)
    seen = "SELECT count(*) FROM audit.events"
    for role in (ORCHESTRATOR, READONLY):
        with place.acting_as(role, home.id) as session:
            assert session.execute(seen.encode()).fetchall() == [(2,)]
            assert session.execute("SELECT sequence FROM audit.chains").fetchall() == [(2,)]
            check = "SELECT * FROM audit.verify_chain(%s)"
            assert session.execute(check.encode(), [home.id]).fetchall() == []
            for other in (away.id, NOBODY):
                with refused(errors.InsufficientPrivilege, "not the one in context"):
                    session.execute(check.encode(), [other])
        with place.acting_as(role) as session:
            assert session.execute(seen.encode()).fetchall() == [(0,)]
            with refused(errors.InsufficientPrivilege, "not the one in context"):
                session.execute(check.encode(), [home.id])
    for role in (WORKER, COLLAB, GUIDELINES):
        with (
            place.acting_as(role, home.id) as session,
            refused(errors.InsufficientPrivilege, "permission denied"),
        ):
            session.execute(seen.encode())


@pytest.mark.parametrize("role", ["postgres", OWNER])
def test_every_right_is_not_enough(place: Scratch, role: str) -> None:
    home = make_organization(place)
    append(place, home.id, 1)
    [(month,)] = place.run("SELECT audit.partition_of(now())")
    with place.superuser() as session:
        session.execute(f"SET ROLE {role}".encode())
        session.execute("SET app.break_glass_reason = 'because I can'")
        for table in ("events", month):
            for statement in (
                f"UPDATE audit.{table} SET outcome = 'success'",
                f"DELETE FROM audit.{table}",
                f"TRUNCATE audit.{table}",
            ):
                with refused(errors.InsufficientPrivilege, "append-only"):
                    session.execute(statement.encode())
        with refused(errors.InsufficientPrivilege, "breaking the glass"):
            session.execute("SELECT audit.drop_month('2000-01-01', 'x')")
    assert verify(place, home.id) == []
