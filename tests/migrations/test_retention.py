"""The audit trail's months: made ahead, made on the way, and removed by breaking the glass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from psycopg import errors, sql
from tests.migrations.conftest import Scratch, scratch
from tests.migrations.people import (
    ORCHESTRATOR,
    WORKER,
    at_once,
    make_organization,
    refused,
)
from tests.migrations.trail import ONE, append, chain_of, tamper, verify
from tests.postgres.conftest import Cluster

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

LAST_MONTH_KEPT = "date_trunc('month', now() AT TIME ZONE 'UTC') - interval '72 months'"
BREAK_GLASS = "rf_audit_break_glass"


@pytest.fixture(scope="module")
def place(pristine: Cluster, schema_template: Scratch) -> Iterator[Scratch]:
    """One database for the tests that add events of organizations of their own."""
    with scratch(pristine, schema_template.name) as made:
        yield made


# Months.


def months(place: Scratch) -> list[str]:
    return [
        name
        for (name,) in place.run(
            "SELECT c.relname::text FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'audit.events'::regclass ORDER BY 1"
        )
    ]


def test_months_are_made_once_however_many_ask(migrated: Scratch) -> None:
    assert len(months(migrated)) == 13

    def ensure() -> int:
        with migrated.acting_as(ORCHESTRATOR) as session:
            [(made,)] = session.execute("SELECT audit.ensure_partitions(24)").fetchall()
        return int(made)

    outcomes = at_once([ensure] * 6)
    assert sum(outcome for outcome in outcomes if isinstance(outcome, int)) == 12
    assert len(months(migrated)) == 25
    with migrated.acting_as(ORCHESTRATOR) as session:
        for ahead in (-1, 121, None):
            with refused(errors.InvalidParameterValue):
                session.execute("SELECT audit.ensure_partitions(%s)", [ahead])


def test_a_month_made_on_the_way_is_like_one_made_ahead(migrated: Scratch) -> None:
    """Also when many writers miss it at once."""
    shape = (
        "SELECT (SELECT count(*) FROM pg_index WHERE indrelid = c.oid AND indisvalid),"
        " (SELECT count(*) FROM pg_trigger WHERE tgrelid = c.oid),"
        " (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid),"
        " (SELECT count(*) FROM pg_constraint WHERE conrelid = c.oid),"
        " (SELECT count(*) FROM pg_description WHERE objoid = c.oid AND classoid = 'pg_class'::regclass),"
        " c.relrowsecurity, c.relacl, pg_get_userbyid(c.relowner)"
        " FROM pg_class AS c WHERE c.oid = to_regclass('audit.' || %s)"
    )
    [(this,)] = migrated.run("SELECT audit.partition_of(clock_timestamp())")
    before = migrated.run(shape, this)
    migrated.run(f"DROP TABLE audit.{this}")
    homes = [make_organization(migrated) for _ in range(8)]
    outcomes = at_once([partial(append, migrated, home.id, 3) for home in homes])
    assert outcomes == [[1, 2, 3]] * 8
    assert [verify(migrated, home.id) for home in homes] == [[]] * 8
    assert migrated.run(f"SELECT count(*) FROM audit.{this}") == [(24,)]
    assert migrated.run(shape, this) == before


def test_making_a_month_keeps_nobody_out(migrated: Scratch) -> None:
    home = make_organization(migrated)
    with migrated.superuser() as session, session.transaction():
        session.execute("SELECT audit.ensure_partitions(20)")
        held = session.execute(
            "SELECT mode FROM pg_locks"
            " WHERE relation = 'audit.events'::regclass AND pid = pg_backend_pid()"
        ).fetchall()
        assert ("ShareUpdateExclusiveLock",) in held
        assert not {"AccessExclusiveLock", "ExclusiveLock"} & {mode for (mode,) in held}
        with migrated.acting_as(WORKER, home.id) as other:
            other.execute("SET statement_timeout = '10s'")
            assert other.execute("SELECT audit.append('run.started')").fetchall() == [(1,)]


def test_a_month_is_a_month_in_utc(migrated: Scratch) -> None:
    names = migrated.run(
        "SELECT audit.partition_of(t::timestamptz) FROM unnest(ARRAY["
        "'2031-12-31 23:59:59.999999+00', '2032-01-01 00:00:00+00', '2032-01-01 05:00:00+06',"
        "'2032-02-29 12:00:00+00']) AS t"
    )
    assert [name for (name,) in names] == [
        *("events_y2031m12", "events_y2032m01", "events_y2031m12", "events_y2032m02")
    ]
    with migrated.superuser() as session:
        session.execute("SET TimeZone = 'Pacific/Auckland'")
        session.execute("SELECT audit.make_partition('2031-12-31 23:59:59.999999+00')")
        session.execute("SET TimeZone = 'UTC'")
        bounds = session.execute(
            "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'events_y2031m12'"
        )
        assert bounds.fetchall() == [
            ("FOR VALUES FROM ('2031-12-01 00:00:00+00') TO ('2032-01-01 00:00:00+00')",)
        ]


# Breaking the glass.


@contextmanager
def breaking_glass(
    place: Scratch, organization: UUID, reason: str = "ticket 1"
) -> Iterator[Session]:
    """A login that was made a member for now, as the comment in the migration tells."""
    login = sql.Identifier(f"auditor_{place.name}")
    with place.superuser() as operator:
        operator.execute(sql.SQL("CREATE ROLE {} LOGIN").format(login))
        operator.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(BREAK_GLASS), login))
    try:
        with place.acting_as(f"auditor_{place.name}", organization) as session:
            session.execute("SELECT set_config('app.break_glass_reason', %s, false)", [reason])
            yield session
    finally:
        with place.superuser() as operator:
            operator.execute(sql.SQL("DROP ROLE {}").format(login))


def test_the_glass_is_broken_with_a_reason_and_a_trace(migrated: Scratch) -> None:
    home, away = chain_of(migrated), chain_of(migrated)
    with breaking_glass(migrated, home.id, "somebody's name was in it") as session:
        everything = session.execute("UPDATE audit.events SET details = '{}' WHERE sequence = 2")
        assert everything.rowcount == 1  # row-level security holds all the same
        assert session.execute("DELETE FROM audit.events WHERE sequence = 5").rowcount == 1
        with refused(errors.InsufficientPrivilege, "permission denied"):
            session.execute("TRUNCATE audit.events")
        with refused(errors.InsufficientPrivilege, "permission denied"):
            session.execute("DELETE FROM audit.break_glass")
        session.execute("SET app.break_glass_reason = ' '")
        with refused(errors.InsufficientPrivilege, "takes a reason"):
            session.execute("DELETE FROM audit.events")
    traces = migrated.run(
        "SELECT b.organization_id, first_sequence, last_sequence, act, reason, acted_as"
        " FROM audit.break_glass AS b ORDER BY acted_at"
    )
    who = f"auditor_{migrated.name}"
    assert traces == [
        (home.id, 2, 2, "UPDATE", "somebody's name was in it", who),
        (home.id, 5, 5, "DELETE", "somebody's name was in it", who),
    ]
    assert verify(migrated, home.id) == [(2, "hash differs")]
    assert verify(migrated, home.id, 3) == [(5, "sequence gap")]
    assert verify(migrated, away.id) == []
    for statement in ("DELETE FROM audit.break_glass", "UPDATE audit.break_glass SET reason = 'x'"):
        with refused(errors.InsufficientPrivilege, "append-only"):
            migrated.run(statement)


def grow_old(place: Scratch, organization: UUID, month: str, events: int) -> None:
    """Events of a month long ago, chained as append() would have: the clock can't be turned back."""
    with place.superuser() as session:
        session.execute(f"SELECT audit.make_partition(({month}) AT TIME ZONE 'UTC')".encode())
        session.execute(
            "INSERT INTO audit.chains (organization_id) VALUES (%s) ON CONFLICT DO NOTHING",
            [organization],
        )
        for _ in range(events):
            session.execute(
                (
                    "WITH draft AS (SELECT organization_id, sequence + 1, last.at, NULL::uuid,"
                    " 'somebody', 'run.started', 'success', NULL, NULL, '{}'::jsonb, NULL::uuid,"
                    " NULL, NULL::inet, hash, ''::bytea FROM audit.chains,"
                    f" (SELECT ({month}) AT TIME ZONE 'UTC') AS last (at) WHERE organization_id = %s)"
                    ", event AS (SELECT (draft.*)::audit.events AS e FROM draft)"
                    ", added AS (INSERT INTO audit.events SELECT (e).organization_id, (e).sequence,"
                    " (e).occurred_at, (e).actor_id, (e).actor_role, (e).action, (e).outcome,"
                    " (e).subject_type, (e).subject_id, (e).details, (e).session_id, (e).request_id,"
                    " (e).source_address, (e).previous_hash, audit.event_hash(e) FROM event"
                    " RETURNING sequence, hash)"
                    " UPDATE audit.chains SET sequence = added.sequence, hash = added.hash FROM added"
                    " WHERE organization_id = %s"
                ).encode(),
                [organization, organization],
            )


def test_a_month_past_its_retention_goes_and_the_rest_still_verifies(migrated: Scratch) -> None:
    home, dormant = make_organization(migrated), make_organization(migrated)
    two, one, kept = (f"{LAST_MONTH_KEPT} - interval '{n} months'" for n in (2, 1, 0))
    for month in (two, one, kept):
        grow_old(migrated, home.id, month, 3)
    grow_old(migrated, dormant.id, two, 2)
    append(migrated, home.id, 3)
    assert (verify(migrated, home.id), verify(migrated, dormant.id)) == ([], [])
    drop = "SELECT audit.drop_month(({})::date, 'retention')"
    with breaking_glass(migrated, home.id) as session:
        with refused(errors.CheckViolation, "not past its retention"):
            session.execute(drop.format(kept).encode())
        with refused(errors.CheckViolation, "events before"):
            session.execute(drop.format(one).encode())
        with refused(errors.InsufficientPrivilege, "takes a reason"):
            session.execute(f"SELECT audit.drop_month(({two})::date, ' ')".encode())
        with refused(errors.NoDataFound):
            session.execute("SELECT audit.drop_month('1999-01-01', 'x')")
        assert session.execute(drop.format(two).encode()).fetchall() == [(5,)]
        assert session.execute(drop.format(one).encode()).fetchall() == [(3,)]
    assert (verify(migrated, home.id), verify(migrated, dormant.id)) == ([], [])
    assert [verify(migrated, home.id, start) for start in (3, 6, 7, 8)] == [[]] * 4
    traces = migrated.run(
        "SELECT organization_id, first_sequence, last_sequence, act FROM audit.break_glass"
        " ORDER BY acted_at, last_sequence"
    )
    assert sorted(traces, key=str) == sorted(
        [(home.id, 1, 3, "DROP"), (dormant.id, 1, 2, "DROP"), (home.id, 4, 6, "DROP")], key=str
    )
    append(migrated, home.id, 1)
    append(migrated, dormant.id, 1)
    assert (verify(migrated, home.id), verify(migrated, dormant.id)) == ([], [])
    tamper(migrated, f"DELETE FROM audit.events {ONE}", home.id, 7)
    assert verify(migrated, home.id) == [(7, "sequence gap")]


def test_an_anchor_that_was_forged_is_found(migrated: Scratch) -> None:
    home = chain_of(migrated)
    migrated.run(
        "INSERT INTO audit.anchors (organization_id, sequence, hash, month)"
        " VALUES (%s, 2, sha256('x'), '2020-01-01')",
        home.id,
    )
    assert verify(migrated, home.id) == [(3, "link differs")]
