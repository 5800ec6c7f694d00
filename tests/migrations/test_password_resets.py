"""Password resets: each works once, for a while, and takes every session with it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from uuid import UUID

import pytest
from psycopg import errors
from tests.migrations.conftest import Scratch, scratch
from tests.migrations.people import (
    LONG_AGO,
    ORCHESTRATOR,
    OTHER_HASH,
    PASSWORD_HASH,
    at_once,
    hashed,
    mailbox,
    make_user,
    open_session,
    refused,
    touch,
)
from tests.postgres.conftest import Cluster


@pytest.fixture(scope="module")
def place(pristine: Cluster, schema_template: Scratch) -> Iterator[Scratch]:
    """One database for all tests here: each works with users of its own."""
    with scratch(pristine, schema_template.name) as made:
        yield made


def request(place: Scratch, email: str, token: str) -> UUID | None:
    with place.acting_as(ORCHESTRATOR) as session:
        [(whose,)] = session.execute(
            "SELECT session.request_reset(%s, %s)", [email, hashed(token)]
        ).fetchall()
    return whose if whose is None else UUID(str(whose))


def reset(place: Scratch, token: str, password_hash: str = OTHER_HASH) -> UUID:
    with place.acting_as(ORCHESTRATOR) as session:
        [(whose,)] = session.execute(
            "SELECT session.use_reset(%s, %s)", [hashed(token), password_hash]
        ).fetchall()
    return UUID(str(whose))


def test_a_reset_works_once_and_ends_every_session_and_every_other_reset(place: Scratch) -> None:
    email, first, second = mailbox(), secrets.token_hex(6), secrets.token_hex(6)
    user = make_user(place, email, PASSWORD_HASH)
    sessions = [open_session(place, user) for _ in range(2)]
    assert request(place, email.upper(), first) == user
    assert request(place, email, second) == user
    outcomes = at_once([lambda: reset(place, first)] * 4)
    assert outcomes.count(user) == 1
    assert sum(isinstance(o, errors.InvalidAuthorizationSpecification) for o in outcomes) == 3
    with refused(errors.InvalidAuthorizationSpecification, "not valid"):
        reset(place, second)
    assert [touch(place, token_hash) for token_hash in sessions] == [[], []]
    stored = place.run("SELECT password_hash FROM identity.credentials WHERE user_id = %s", user)
    assert stored == [(OTHER_HASH,)]


def test_a_reset_that_is_refused_spends_nothing(place: Scratch) -> None:
    email, token = mailbox(), secrets.token_hex(6)
    user = make_user(place, email, PASSWORD_HASH)
    session = open_session(place, user)
    request(place, email, token)
    with refused(errors.CheckViolation, "password_hash_is_encoded"):
        reset(place, token, "a plain password")
    assert touch(place, session) != []
    assert reset(place, token) == user


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (
            f"UPDATE session.password_reset_tokens SET {LONG_AGO} WHERE user_id = %s",
            "It has expired.",
        ),
        (
            "UPDATE identity.users SET status = 'suspended', status_reason = 'x' WHERE id = %s",
            "No active account has this token.",
        ),
        ("DELETE FROM session.password_reset_tokens WHERE user_id = %s", "No active account"),
    ],
)
def test_a_reset_that_is_over_is_refused(place: Scratch, change: str, detail: str) -> None:
    email, token = mailbox(), secrets.token_hex(6)
    user = make_user(place, email, PASSWORD_HASH)
    request(place, email, token)
    place.run(change, user)
    with refused(errors.InvalidAuthorizationSpecification) as refusal:
        reset(place, token)
    assert (refusal.value.diag.message_detail or "").startswith(detail)


def test_three_resets_an_hour_also_at_once(place: Scratch) -> None:
    email = mailbox()
    user = make_user(place, email, PASSWORD_HASH)
    outcomes = at_once([lambda: request(place, email, secrets.token_hex(6))] * 8)
    assert (outcomes.count(user), outcomes.count(None)) == (3, 5)


def test_nobody_learns_whether_there_is_an_account(place: Scratch) -> None:
    without_password = mailbox()
    make_user(place, without_password)
    assert request(place, mailbox(), secrets.token_hex(6)) is None
    assert request(place, without_password, secrets.token_hex(6)) is None


def test_old_resets_are_purged_after_the_hour_in_which_they_count(migrated: Scratch) -> None:
    email = mailbox()
    make_user(migrated, email, PASSWORD_HASH)
    request(migrated, email, "t")
    expire = (
        "UPDATE session.password_reset_tokens SET created_at = now() - interval '4 hours',"
        " expires_at = now() - %s::interval"
    )
    for ago, gone in (("30 minutes", 0), ("2 hours", 1)):
        migrated.run(expire, ago)
        assert migrated.run("SELECT session.purge()") == [(gone,)]
