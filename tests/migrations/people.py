"""Organizations with people in them, the services that act for them, and what they say."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import psycopg
import pytest
from tests.migrations.conftest import Scratch

from rfdata.config.services import SERVICES
from rfdata.errors import Unreachable

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

T = TypeVar("T")

ROLES = ("VIEWER", "RESEARCHER", "STEWARD", "ADMIN")
ORCHESTRATOR, WORKER, COLLAB, GUIDELINES = (f"researchflow_{name}" for name in SERVICES)
SERVICE_ROLES = (ORCHESTRATOR, WORKER, COLLAB, GUIDELINES)
READONLY = "researchflow_readonly"
NOBODY = UUID(int=0)

LONG_AGO = "created_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'"
"""For whatever has a beginning and an end."""

PASSWORD_HASH = "$argon2id$v=19$m=65536,t=3,p=4$" + "c2FsdHNhbHRzYWx0" + "$" + "aGFzaA" * 8
OTHER_HASH = PASSWORD_HASH.replace("t=3", "t=4")


@dataclass(frozen=True)
class Organization:
    """One organization with a member in each role."""

    id: UUID
    viewer: UUID
    researcher: UUID
    steward: UUID
    admin: UUID


def mailbox() -> str:
    """An address that nobody has."""
    return f"{secrets.token_hex(6)}@example.org"


def make_user(place: Scratch, email: str = "", password_hash: str = "") -> UUID:
    """Somebody who belongs nowhere yet."""
    [(user,)] = place.run(
        "SELECT identity.create_user(%s, 'Somebody', %s)",
        email or mailbox(),
        password_hash or None,
    )
    assert isinstance(user, UUID)
    return user


def make_organization(place: Scratch, name: str = "") -> Organization:
    """An organization with four members, one in each role."""
    slug = name or f"org-{secrets.token_hex(6)}"
    [(organization,)] = place.run(
        "INSERT INTO identity.organizations (name, slug) VALUES (%s, %s) RETURNING id", slug, slug
    )
    members = [join(place, organization, make_user(place), role) for role in ROLES]
    return Organization(organization, *members)


def join(place: Scratch, organization: UUID, user: UUID, role: str = "RESEARCHER") -> UUID:
    """Make somebody a member; returns the user."""
    place.run(
        "INSERT INTO identity.memberships (organization_id, user_id, role) VALUES (%s, %s, %s)",
        organization,
        user,
        role,
    )
    return user


def may(place: Scratch, user: UUID, organization: UUID, permission: str) -> bool:
    [(answer,)] = place.run(
        "SELECT identity.has_permission(%s, %s, %s)", user, organization, permission
    )
    return bool(answer)


def furnish(place: Scratch, home: Organization) -> None:
    """A row of this organization in every table that has rows of organizations."""
    place.run(
        "INSERT INTO identity.role_grants"
        " (organization_id, user_id, role, granted_by, reason, expires_at)"
        " VALUES (%s, %s, 'STEWARD', %s, 'cover', now() + interval '1 day')",
        *(home.id, home.researcher, home.admin),
    )
    place.run(
        "INSERT INTO identity.invites"
        " (organization_id, email, role, token_hash, invited_by, expires_at)"
        " VALUES (%s, 'new@example.org', 'VIEWER', %s, %s, now() + interval '1 day')",
        *(home.id, hashed(str(home.id)), home.admin),
    )
    place.run(
        "WITH asked AS (INSERT INTO identity.consent_texts (organization_id, kind, version, body)"
        " VALUES (%s, 'data_processing', 1, 'We read it.') RETURNING id)"
        " INSERT INTO identity.consents (organization_id, user_id, text_id)"
        " SELECT %s, %s, id FROM asked",
        *(home.id, home.id, home.researcher),
    )
    place.run(
        "INSERT INTO identity.quotas (organization_id, resource, allowed) VALUES (%s, 'runs', 10)",
        home.id,
    )


def hashed(token: str) -> bytes:
    """What the database knows of a token."""
    return hashlib.sha256(token.encode()).digest()


@contextmanager
def as_it_was_said() -> Iterator[None]:
    """PostgreSQL's own refusal, which a session that ends by it wraps."""
    try:
        yield
    except Unreachable as error:
        if isinstance(error.__context__, psycopg.Error):
            raise error.__context__ from None
        raise


@contextmanager
def refused(
    kind: type[psycopg.Error], match: str | None = None
) -> Iterator[pytest.ExceptionInfo[psycopg.Error]]:
    """Expect PostgreSQL to refuse, whether or not the session ends by it."""
    with pytest.raises(kind, match=match) as caught, as_it_was_said():
        yield caught


def at_once(actions: Sequence[Callable[[], T]]) -> list[T | psycopg.Error]:
    """Each in a thread of its own, begun together; what each returned, or PostgreSQL's refusal."""
    barrier = Barrier(len(actions))

    def begin(action: Callable[[], T]) -> T | psycopg.Error:
        barrier.wait()
        try:
            with as_it_was_said():
                return action()
        except psycopg.Error as refusal:
            return refusal

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(begin, actions))


def plans(session: Session, statement: str, *parameters: object) -> str:
    """The plans of whatever a statement runs, inside functions too; takes a superuser."""
    heard: list[str] = []
    session.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
    session.execute("LOAD 'auto_explain'")
    session.execute(
        "SELECT set_config(name, value, false) FROM (VALUES"
        " ('auto_explain.log_min_duration', '0'), ('auto_explain.log_nested_statements', 'on'),"
        " ('auto_explain.log_analyze', 'on'), ('auto_explain.log_timing', 'off'),"
        " ('client_min_messages', 'log')) AS settings (name, value)"
    )
    session.execute(statement.encode(), parameters)
    return "\n".join(heard)


def open_session(place: Scratch, user: UUID, organization: UUID | None = None) -> bytes:
    """Log somebody in; returns the token's hash."""
    token_hash = hashed(secrets.token_hex(6))
    with place.acting_as(ORCHESTRATOR) as session:
        session.execute("SELECT session.open(%s, %s, %s)", [token_hash, user, organization])
    return token_hash


def touch(place: Scratch, token_hash: bytes) -> list[tuple[object, ...]]:
    """The user and the organization of a session, or nothing."""
    with place.acting_as(COLLAB) as session:
        return session.execute(
            "SELECT user_id, organization_id FROM session.touch(%s)", [token_hash]
        ).fetchall()
