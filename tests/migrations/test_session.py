"""Sessions: through functions only, cheap to touch, cheap to let expire."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from psycopg import errors
from psycopg.types.json import Jsonb
from tests.migrations.conftest import Scratch, scratch
from tests.migrations.people import (
    COLLAB,
    GUIDELINES,
    LONG_AGO,
    ORCHESTRATOR,
    READONLY,
    SERVICE_ROLES,
    WORKER,
    at_once,
    hashed,
    make_organization,
    make_user,
    open_session,
    plans,
    refused,
    touch,
)
from tests.postgres.conftest import Cluster


@pytest.fixture(scope="module")
def place(pristine: Cluster, schema_template: Scratch) -> Iterator[Scratch]:
    """One database for all tests here: each works with users of its own."""
    with scratch(pristine, schema_template.name) as made:
        yield made


def let_time_pass(place: Scratch, token_hash: bytes) -> None:
    """A little over a minute, for this session."""
    place.run(
        "UPDATE session.sessions SET last_seen_at = now() - interval '61 seconds'"
        " WHERE token_hash = %s",
        token_hash,
    )


# Who may reach what.


@pytest.mark.parametrize("role", [*SERVICE_ROLES, READONLY])
def test_the_tables_are_nobodys_to_read_or_write(place: Scratch, role: str) -> None:
    with place.acting_as(role) as session:
        for table in ("sessions", "password_reset_tokens"):
            for statement in (
                f"SELECT token_hash FROM session.{table}",
                f"SELECT count(*) FROM session.{table}",
                f"INSERT INTO session.{table} DEFAULT VALUES",
                f"UPDATE session.{table} SET expires_at = 'infinity'",
                f"DELETE FROM session.{table}",
                f"TRUNCATE session.{table}",
            ):
                with refused(errors.InsufficientPrivilege, "permission denied"):
                    session.execute(statement.encode())


@pytest.mark.parametrize("role", [WORKER, GUIDELINES, READONLY])
def test_only_services_that_log_people_in_touch_sessions(place: Scratch, role: str) -> None:
    with (
        place.acting_as(role) as session,
        refused(errors.InsufficientPrivilege, "permission denied"),
    ):
        session.execute("SELECT session.touch('')")


def test_what_a_function_calls_is_not_callable_itself(place: Scratch) -> None:
    with (
        place.acting_as(ORCHESTRATOR) as session,
        refused(errors.InsufficientPrivilege, "permission denied"),
    ):
        session.execute("SELECT session.require_membership(NULL, NULL)")


# A session's life.


def test_a_session_is_found_by_its_token_until_it_is_revoked(place: Scratch) -> None:
    home = make_organization(place)
    token_hash = open_session(place, home.viewer, home.id)
    assert touch(place, token_hash) == [(home.viewer, home.id)]
    assert touch(place, hashed("another")) == []
    with place.acting_as(ORCHESTRATOR) as session:
        revoke = "SELECT session.revoke(%s)"
        assert session.execute(revoke.encode(), [token_hash]).fetchall() == [(True,)]
        assert session.execute(revoke.encode(), [token_hash]).fetchall() == [(False,)]
    assert touch(place, token_hash) == []


@pytest.mark.parametrize(
    "ended",
    [
        f"UPDATE session.sessions SET {LONG_AGO} WHERE user_id = %(user)s",
        "UPDATE session.sessions SET last_seen_at = now() - idle_limit WHERE user_id = %(user)s",
        "UPDATE identity.users SET status = 'suspended', status_reason = 'x' WHERE id = %(user)s",
        "UPDATE identity.memberships SET status = 'suspended' WHERE user_id = %(user)s",
        "UPDATE identity.organizations SET status = 'suspended' WHERE id = %(home)s",
    ],
)
def test_a_session_ends_at_once(place: Scratch, ended: str) -> None:
    home = make_organization(place)
    token_hash = open_session(place, home.viewer, home.id)
    assert touch(place, token_hash) != []
    with place.superuser() as session:
        changed = session.execute(ended.encode(), {"user": home.viewer, "home": home.id})
        assert changed.rowcount == 1
    assert touch(place, token_hash) == []


@pytest.mark.parametrize(
    ("token_hash", "lifetime", "data"),
    [
        (b"short", "1 hour", {}),
        (hashed("1"), "31 days", {}),
        (hashed("2"), "0 hours", {}),
        (hashed("3"), "1 hour", {"much": "x" * 4096}),
        (hashed("4"), "1 hour", []),
    ],
)
def test_what_is_no_session_is_not_opened(
    place: Scratch, token_hash: bytes, lifetime: str, data: object
) -> None:
    user = make_user(place)
    with place.acting_as(ORCHESTRATOR) as session, refused(errors.CheckViolation):
        session.execute(
            "SELECT session.open(%s, %s, NULL, %s, %s)", [token_hash, user, lifetime, Jsonb(data)]
        )


def test_a_session_is_opened_for_active_members_only(place: Scratch) -> None:
    home, away = make_organization(place), make_organization(place)
    for user, organization in ((home.viewer, away.id), (UUID(int=0), None)):
        with refused(errors.InsufficientPrivilege):
            open_session(place, user, organization)
    with refused(errors.UniqueViolation), place.acting_as(ORCHESTRATOR) as session:
        for _ in range(2):
            session.execute("SELECT session.open(%s, %s)", [hashed("twice"), home.viewer])


def test_an_organization_is_chosen_among_ones_own(place: Scratch) -> None:
    home, away = make_organization(place), make_organization(place)
    token_hash = open_session(place, home.viewer)
    assert touch(place, token_hash) == [(home.viewer, None)]
    choose = "SELECT session.choose_organization(%s, %s)"
    with place.acting_as(ORCHESTRATOR) as session:
        assert session.execute(choose.encode(), [token_hash, home.id]).fetchall() == [(True,)]
        with refused(errors.InsufficientPrivilege, "no active member"):
            session.execute(choose.encode(), [token_hash, away.id])
        assert session.execute(choose.encode(), [hashed("?"), home.id]).fetchall() == [(False,)]
    assert touch(place, token_hash) == [(home.viewer, home.id)]


def test_data_is_kept_and_carried(place: Scratch) -> None:
    token_hash = open_session(place, make_user(place))
    with place.acting_as(ORCHESTRATOR) as session:
        replace = "SELECT session.set_data(%s, %s)"
        kept = session.execute(replace.encode(), [token_hash, Jsonb({"theme": "dark"})])
        assert kept.fetchall() == [(True,)]
        found = session.execute("SELECT data FROM session.touch(%s)", [token_hash]).fetchall()
        assert found == [({"theme": "dark"},)]
        session.execute("SELECT session.revoke(%s)", [token_hash])
        late = session.execute(replace.encode(), [token_hash, Jsonb({})])
        assert late.fetchall() == [(False,)]


def test_a_user_ends_all_sessions_but_this_one(place: Scratch) -> None:
    home = make_organization(place)
    kept, *others = [open_session(place, home.viewer) for _ in range(3)]
    with place.acting_as(ORCHESTRATOR, home.id, home.viewer) as session:
        listed = session.execute("SELECT * FROM session.sessions_of_current_user()").fetchall()
        assert len(listed) == 3
        ended = session.execute(
            "SELECT session.revoke_all(%s, 'lost a laptop', %s)", [home.viewer, kept]
        )
        assert ended.fetchall() == [(2,)]
    assert touch(place, kept) != []
    assert [touch(place, token_hash) for token_hash in others] == [[], []]


def test_an_administrator_ends_sessions_in_their_organization_only(place: Scratch) -> None:
    home, away = make_organization(place), make_organization(place)
    with place.superuser() as session:
        session.execute(
            "INSERT INTO identity.memberships (organization_id, user_id, role)"
            " VALUES (%s, %s, 'VIEWER')",
            [away.id, home.viewer],
        )
    here, there = (open_session(place, home.viewer, where.id) for where in (home, away))
    end = "SELECT session.revoke_all(%s, 'left the house')"
    for organization, actor in ((home.id, home.steward), (home.id, None), (None, home.admin)):
        with (
            place.acting_as(ORCHESTRATOR, organization, actor) as session,
            refused(errors.InsufficientPrivilege, r"user\.manage"),
        ):
            session.execute(end.encode(), [home.viewer])
    with place.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        assert session.execute(end.encode(), [home.viewer]).fetchall() == [(1,)]
    assert (touch(place, here), touch(place, there) != []) == ([], True)


# Speed that is a matter of shape, not of the clock.


def test_a_touch_writes_once_a_minute_and_no_index(place: Scratch) -> None:
    token_hash = open_session(place, make_user(place))
    writes = (
        "SELECT pg_stat_get_xact_tuples_updated(t), pg_stat_get_xact_tuples_hot_updated(t)"
        " FROM (VALUES ('session.sessions'::regclass)) AS v (t)"
    )
    with place.superuser() as session:
        with session.transaction():
            session.execute("SELECT session.touch(%s)", [token_hash])
            assert session.execute(writes.encode()).fetchall() == [(0, 0)]
        let_time_pass(place, token_hash)
        with session.transaction():
            session.execute("SELECT session.touch(%s)", [token_hash])
            session.execute("SELECT session.touch(%s)", [token_hash])
            assert session.execute(writes.encode()).fetchall() == [(1, 1)]


def test_a_touch_waits_for_nobody(place: Scratch) -> None:
    token_hash = open_session(place, make_user(place))
    let_time_pass(place, token_hash)
    with place.superuser() as other, other.transaction():
        other.execute("SELECT FROM session.sessions WHERE token_hash = %s FOR UPDATE", [token_hash])
        with place.acting_as(COLLAB) as session:
            session.execute("SET statement_timeout = '10s'")
            found = session.execute("SELECT * FROM session.touch(%s)", [token_hash])
            assert len(found.fetchall()) == 1


def test_a_touch_reads_where_nothing_may_be_written(place: Scratch) -> None:
    token_hash = open_session(place, make_user(place))
    let_time_pass(place, token_hash)
    with place.acting_as(COLLAB) as session:
        session.execute("SET default_transaction_read_only = on")
        found = session.execute("SELECT * FROM session.touch(%s)", [token_hash])
        assert len(found.fetchall()) == 1


def fill(place: Scratch, user: UUID, live: int, expired: int) -> None:
    """Many sessions, written past the functions."""
    place.run(
        "INSERT INTO session.sessions (token_hash, user_id, created_at, expires_at)"
        " SELECT sha256(uuid_send(gen_random_uuid())), %s, now() - interval '1 day',"
        " now() + CASE WHEN n <= %s THEN interval '1 hour' ELSE -interval '1 hour' END"
        " FROM generate_series(1, %s) AS n",
        *(user, live, live + expired),
    )
    place.run("ANALYZE session.sessions")


def test_expired_sessions_go_in_batches_and_to_one_purge_each(migrated: Scratch) -> None:
    fill(migrated, make_user(migrated), live=50, expired=950)

    def purge() -> int:
        with migrated.acting_as(ORCHESTRATOR) as session:
            [(gone,)] = session.execute("SELECT session.purge(100)").fetchall()
        return int(gone)

    assert purge() == 100
    assert at_once([purge] * 8) == [100] * 8
    assert [purge(), purge()] == [50, 0]
    assert migrated.run("SELECT count(*) FROM session.sessions") == [(50,)]


def test_a_purge_passes_by_what_is_locked(migrated: Scratch) -> None:
    fill(migrated, make_user(migrated), live=0, expired=10)
    with migrated.superuser() as other, other.transaction():
        other.execute("SELECT FROM session.sessions ORDER BY expires_at LIMIT 4 FOR UPDATE")
        with migrated.acting_as(ORCHESTRATOR) as session:
            session.execute("SET statement_timeout = '10s'")
            assert session.execute("SELECT session.purge()").fetchall() == [(6,)]


@pytest.mark.parametrize("at_most", [0, -1, 10001, None])
def test_a_batch_has_its_bounds(place: Scratch, at_most: int | None) -> None:
    with place.acting_as(ORCHESTRATOR) as session, refused(errors.InvalidParameterValue):
        session.execute("SELECT session.purge(%s)", [at_most])


def test_hot_paths_go_by_an_index(migrated: Scratch) -> None:
    user = make_user(migrated)
    fill(migrated, user, live=18000, expired=2000)
    token_hash = open_session(migrated, user)
    let_time_pass(migrated, token_hash)
    with migrated.superuser() as session:
        touched = plans(session, "SELECT session.touch(%s)", token_hash)
    with migrated.superuser() as session:
        purged = plans(session, "SELECT session.purge(100)")
    assert "Index Scan using sessions_token_hash_key" in touched
    assert "Index Scan using sessions_pkey" in touched
    assert "Index Scan using sessions_expires_at_idx" in purged
    assert "Tid Scan on sessions" in purged
    assert "Seq Scan on sessions" not in touched + purged
