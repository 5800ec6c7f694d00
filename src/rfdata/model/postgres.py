"""What is read of PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rfdata.model.fact import Fact
from rfdata.model.server import LogState, Probes


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of pg_settings."""

    value: str
    unit: str
    context: str
    """internal, postmaster, sighup, superuser-backend, backend, superuser or user."""
    source: str
    pending_restart: bool
    type: str = ""
    """bool, enum, integer, real or string."""
    default: str = ""
    """What is built into the program, in the same unit."""
    altered: bool = False
    """ALTER SYSTEM has a value for it, which wins over the rendered file."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    version: str
    """For example "16.14"."""
    version_num: int
    """For example 160014."""
    started_at: datetime
    data_directory: str
    in_recovery: bool
    wal_segment_bytes: int


@dataclass(frozen=True, slots=True)
class Database:
    """The deployment's database, as pg_database has it."""

    owner: str
    encoding: str
    locale_provider: Literal["libc", "icu"]
    locale: str
    """ICU locale for icu, else LC_COLLATE."""
    collation_version: str
    """Recorded when it was created; empty when the provider has none."""
    collation_version_now: str
    """What the library on this host has today: a difference breaks text indexes."""


@dataclass(frozen=True, slots=True)
class Role:
    """One row of pg_roles with its memberships."""

    login: bool
    superuser: bool
    create_db: bool
    create_role: bool
    replication: bool
    bypass_rls: bool
    connection_limit: int
    member_of: frozenset[str]
    settings: Mapping[str, str]
    """ALTER ROLE … SET."""
    password: Literal["scram-sha-256", "md5", "none", "hidden"]
    password_matches: bool | None
    """It is the one in .env; None where that can't be told (hidden, or not ours)."""


@dataclass(frozen=True, slots=True, order=True)
class Privilege:
    """One granted privilege. `kind` is database, schema or function; grantee "PUBLIC" is everyone."""

    kind: str
    name: str
    privilege: str
    grantee: str


@dataclass(frozen=True, slots=True)
class HbaRule:
    """One row of pg_hba_file_rules."""

    line: int
    type: str
    """local, host, hostssl, hostnossl, hostgssenc or hostnogssenc."""
    databases: tuple[str, ...]
    users: tuple[str, ...]
    address: str
    """CIDR, "all", or empty for local."""
    method: str
    error: str


@dataclass(frozen=True, slots=True)
class Activity:
    connections: int
    remote_plaintext: int
    """Client connections over TCP without TLS."""


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    server: Fact[PostgresServer]
    settings: Fact[Mapping[str, Setting]]
    database: Fact[Database]
    databases: Fact[frozenset[str]]
    extensions: Fact[Mapping[str, str]]
    """Installed in the deployment's database: name -> version."""
    extensions_available: Fact[Mapping[str, str]]
    roles: Fact[Mapping[str, Role]]
    privileges: Fact[frozenset[Privilege]]
    schema_owner: Fact[str]
    """Who owns schema public."""
    hba: Fact[tuple[HbaRule, ...]]
    config_errors: Fact[tuple[str, ...]]
    """What pg_file_settings and pg_hba_file_rules complain about."""
    activity: Fact[Activity]
    ready: Fact[bool]
    """pg_isready over TCP said that it accepts connections."""
    log: Fact[LogState]
    probes: Probes
