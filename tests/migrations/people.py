"""Organizations with people in them, the services that act for them, and what they say."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import psycopg
from tests.migrations.conftest import Scratch

from rfdata.config.services import SERVICES

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

T = TypeVar("T")

ROLES = ("VIEWER", "RESEARCHER", "STEWARD", "ADMIN")
ORCHESTRATOR, WORKER, COLLAB, GUIDELINES = (f"researchflow_{name}" for name in SERVICES)
SERVICE_ROLES = (ORCHESTRATOR, WORKER, COLLAB, GUIDELINES)
READONLY = "researchflow_readonly"
NOBODY = UUID(int=0)

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


def make_user(place: Scratch, email: str = "", password_hash: str = "") -> UUID:
    """Somebody who belongs nowhere yet."""
    address = email or f"{secrets.token_hex(6)}@example.org"
    [(user,)] = place.run(
        "SELECT identity.create_user(%s, 'Somebody', %s)", address, password_hash or None
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


def hashed(token: str) -> bytes:
    """What the database knows of a token."""
    return hashlib.sha256(token.encode()).digest()


def at_once(actions: Sequence[Callable[[], T]]) -> list[T | psycopg.Error]:
    """Each in a thread of its own, begun together; what each returned, or PostgreSQL's refusal."""
    barrier = Barrier(len(actions))

    def begin(action: Callable[[], T]) -> T | psycopg.Error:
        barrier.wait()
        try:
            return action()
        except psycopg.Error as refused:
            return refused

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
