"""Accounts, their passwords, and how somebody becomes a member."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from psycopg import errors
from tests.migrations.conftest import Scratch, scratch
from tests.migrations.people import (
    ORCHESTRATOR,
    OTHER_HASH,
    PASSWORD_HASH,
    READONLY,
    SERVICE_ROLES,
    Organization,
    at_once,
    hashed,
    join,
    mailbox,
    make_organization,
    make_user,
    may,
    refused,
)
from tests.postgres.conftest import Cluster


@pytest.fixture(scope="module")
def place(pristine: Cluster, schema_template: Scratch) -> Iterator[Scratch]:
    """One database for all tests here: each works in organizations of its own."""
    with scratch(pristine, schema_template.name) as made:
        yield made


# Accounts and passwords.


def test_an_account_is_changed_by_its_owner_and_seen_by_their_colleagues(
    place: Scratch,
) -> None:
    home = make_organization(place)
    rename = "UPDATE identity.users SET display_name = 'New' WHERE id = %s"
    with place.acting_as(ORCHESTRATOR, home.id, home.viewer) as session:
        assert session.execute(rename.encode(), [home.viewer]).rowcount == 1
        assert session.execute(rename.encode(), [home.admin]).rowcount == 0
        with refused(errors.InsufficientPrivilege):
            session.execute("UPDATE identity.users SET email = 'x@y' WHERE id = %s", [home.viewer])


def test_an_address_is_taken_whatever_its_case(place: Scratch) -> None:
    address = mailbox()
    make_user(place, address)
    with refused(errors.UniqueViolation):
        make_user(place, address.upper())


def test_an_account_that_others_share_is_not_one_organizations_to_suspend(
    place: Scratch,
) -> None:
    home, away = make_organization(place), make_organization(place)
    suspend = "SELECT identity.set_user_status(%s, 'suspended', 'left the house')"
    with place.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        session.execute(suspend.encode(), [home.viewer])
        for other in (away.viewer, home.admin):
            with refused(errors.InsufficientPrivilege):
                session.execute(suspend.encode(), [other])
        join(place, away.id, home.steward)
        with refused(errors.InsufficientPrivilege, "alone"):
            session.execute(suspend.encode(), [home.steward])
    with (
        place.acting_as(ORCHESTRATOR, home.id, home.researcher) as session,
        refused(errors.InsufficientPrivilege, r"user\.manage"),
    ):
        session.execute(suspend.encode(), [home.steward])
    assert not may(place, home.viewer, home.id, "view")


@pytest.mark.parametrize("role", [*SERVICE_ROLES, READONLY])
def test_no_service_reads_hashes(place: Scratch, role: str) -> None:
    with place.acting_as(role) as session:
        for query in (
            "SELECT password_hash FROM identity.credentials",
            "SELECT * FROM identity.credentials",
            "UPDATE identity.credentials SET failed_attempts = 0",
            "SELECT token_hash FROM identity.invites",
            "SELECT * FROM identity.invites",
        ):
            with refused(errors.InsufficientPrivilege, "permission denied"):
                session.execute(query.encode())


@pytest.mark.parametrize("role", [r for r in (*SERVICE_ROLES, READONLY) if r != ORCHESTRATOR])
def test_only_the_orchestrator_manages_accounts(place: Scratch, role: str) -> None:
    with place.acting_as(role) as session:
        for call in ("attempt_login('a@b')", "create_user('a@b', 'A')", "leave()"):
            with refused(errors.InsufficientPrivilege, "permission denied"):
                session.execute(f"SELECT identity.{call}".encode())


def test_only_slow_hashes_are_credentials(place: Scratch) -> None:
    encoded = "c2FsdHNhbHRzYWx0$" + "aGFzaA" * 8
    store = (
        "INSERT INTO identity.credentials (user_id, password_hash) VALUES (%s, %s)"
        " ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash"
    )
    user = make_user(place)
    with place.superuser() as session:
        for good in (
            PASSWORD_HASH,
            "$2b$12$" + "./aB0" * 10 + "xyz",
            f"$scrypt$ln=17,r=8,p=1${encoded}",
        ):
            session.execute(store.encode(), [user, good])
        for bad in (
            "correct horse battery staple",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            f"$argon2i$v=19$m=65536,t=3,p=4${encoded}",
            f"$argon2id$v=19$m=64,t=3,p=4${encoded}",
            "$2b$04$" + "a" * 53,
            "$2b$12$" + "a" * 52,
            f"$scrypt$ln=4,r=8,p=1${encoded}",
            f"{PASSWORD_HASH}\n",
            PASSWORD_HASH + "a" * 600,
            "",
        ):
            with refused(errors.CheckViolation, "password_hash_is_encoded"):
                session.execute(store.encode(), [user, bad])


def test_guessing_is_locked_out_even_at_once(place: Scratch) -> None:
    ada = mailbox()
    user = make_user(place, ada, PASSWORD_HASH)

    def attempt() -> str | None:
        with place.acting_as(ORCHESTRATOR) as session:
            query = "SELECT password_hash FROM identity.attempt_login(%s)"
            [(found,)] = session.execute(query, [ada.upper()]).fetchall()
        return found if found is None else str(found)

    outcomes = at_once([attempt] * 12)
    assert outcomes.count(PASSWORD_HASH) == 5
    assert outcomes.count(None) == 7
    place.run("SELECT identity.login_succeeded(%s)", user)
    assert attempt() == PASSWORD_HASH


def test_each_lock_is_longer_up_to_an_hour(place: Scratch) -> None:
    ada = mailbox()
    user = make_user(place, ada, PASSWORD_HASH)
    minutes = []
    with place.superuser() as session:
        for _ in range(14):
            with session.transaction():
                session.execute("UPDATE identity.credentials SET locked_until = NULL")
                session.execute("SELECT identity.attempt_login(%s)", [ada])
                [(locked,)] = session.execute(
                    "SELECT extract(epoch FROM locked_until - now())::int / 60"
                    " FROM identity.credentials WHERE user_id = %s",
                    [user],
                ).fetchall()
                minutes.append(locked)
    assert minutes == [None] * 4 + [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_no_hash_for_an_account_that_is_not_active_or_not_there(place: Scratch) -> None:
    ada = mailbox()
    user = make_user(place, ada, PASSWORD_HASH)
    attempt = "SELECT * FROM identity.attempt_login(%s)"
    assert place.run(attempt, mailbox()) == []
    place.run(
        "UPDATE identity.users SET status = 'suspended', status_reason = 'x' WHERE id = %s", user
    )
    assert place.run(attempt, ada) == []


def test_a_password_is_set_by_its_owner(place: Scratch) -> None:
    home = make_organization(place)
    set_password = "SELECT identity.set_password(%s, %s)"
    with place.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        session.execute(set_password.encode(), [home.admin, PASSWORD_HASH])
        session.execute(set_password.encode(), [home.admin, OTHER_HASH])
        with refused(errors.InsufficientPrivilege, "owner only"):
            session.execute(set_password.encode(), [home.viewer, PASSWORD_HASH])
    stored = place.run(
        "SELECT password_hash FROM identity.credentials WHERE user_id = %s", home.admin
    )
    assert stored == [(OTHER_HASH,)]


# Invites.


def invite(place: Scratch, home: Organization, email: str) -> str:
    """An invite to be ADMIN; returns its token."""
    token = secrets.token_hex(6)
    with place.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        session.execute(
            "INSERT INTO identity.invites"
            " (organization_id, email, role, token_hash, invited_by, expires_at)"
            " VALUES (%s, %s, 'ADMIN', %s, %s, now() + interval '7 days')",
            [home.id, email, hashed(token), home.admin],
        )
    return token


def accept(place: Scratch, token: str, user: UUID) -> list[tuple[object, ...]]:
    with place.acting_as(ORCHESTRATOR) as session:
        return session.execute(
            "SELECT * FROM identity.accept_invite(%s, %s)", [hashed(token), user]
        ).fetchall()


def test_an_invite_is_taken_up_once(place: Scratch) -> None:
    home, address = make_organization(place), mailbox()
    ada = make_user(place, address)
    token = invite(place, home, address.upper())
    outcomes = at_once([lambda: accept(place, token, ada)] * 4)
    assert outcomes.count([(home.id, "ADMIN")]) == 1
    assert sum(isinstance(o, errors.InvalidAuthorizationSpecification) for o in outcomes) == 3
    assert may(place, ada, home.id, "user.manage")
    verified = place.run("SELECT email_verified_at FROM identity.users WHERE id = %s", ada)
    assert verified != [(None,)]


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ("token_hash = sha256(token_hash)", "No invite has this token."),
        ("revoked_at = now()", "It was withdrawn."),
        (
            "created_at = now() - interval '2 days', expires_at = now() - interval '1 day'",
            "It has expired.",
        ),
    ],
)
def test_an_invite_that_is_over_is_refused(place: Scratch, change: str, detail: str) -> None:
    home, address = make_organization(place), mailbox()
    ada = make_user(place, address)
    token = invite(place, home, address)
    place.run(f"UPDATE identity.invites SET {change} WHERE organization_id = %s", home.id)
    with refused(errors.InvalidAuthorizationSpecification) as refusal:
        accept(place, token, ada)
    assert refusal.value.diag.message_detail == detail
    assert not may(place, ada, home.id, "view")


def test_an_invite_is_for_one_address(place: Scratch) -> None:
    home = make_organization(place)
    token = invite(place, home, mailbox())
    with refused(errors.InsufficientPrivilege, "somebody else"):
        accept(place, token, make_user(place))


def test_an_invite_brings_back_who_left_but_changes_no_member(place: Scratch) -> None:
    home, address = make_organization(place), mailbox()
    ada = join(place, home.id, make_user(place, address), "VIEWER")
    token = invite(place, home, address)
    set_status = "UPDATE identity.memberships SET status = %s WHERE user_id = %s"
    for status in ("active", "suspended"):
        place.run(set_status, status, ada)
        with refused(errors.UniqueViolation, "already"):
            accept(place, token, ada)
    place.run(set_status, "left", ada)
    assert accept(place, token, ada) == [(home.id, "ADMIN")]


def test_a_new_organization_has_its_founder_for_admin(place: Scratch) -> None:
    ada, slug = make_user(place), secrets.token_hex(6)
    with place.acting_as(ORCHESTRATOR) as session:
        [(made,)] = session.execute(
            "SELECT identity.create_organization('Lab', %s, %s)", [slug, ada]
        ).fetchall()
        found = session.execute("SELECT * FROM identity.organizations_of(%s)", [ada]).fetchall()
        assert found == [(made, "Lab", slug, "ADMIN")]
        with refused(errors.NoDataFound):
            session.execute("SELECT identity.create_organization('Lab', 'lab2', %s)", [uuid4()])
