"""All that is read from a layer before it is planned or judged. No secret is ever part of it.

The parts have modules of their own beside this one; whoever uses facts imports them from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from typing import Any

from rfdata.model.deployment import (
    DeploymentFacts,
    EnvFacts,
    FileState,
    GitState,
    SecretStrength,
    UrlParts,
)
from rfdata.model.evidence import Statements
from rfdata.model.fact import Fact, unread
from rfdata.model.host import (
    CertFacts,
    Disk,
    HealthRecord,
    HostFacts,
    Limits,
    Listener,
    Process,
    ServerPrograms,
    Watch,
)
from rfdata.model.migrations import (
    Ledger,
    LedgerEntry,
    MigrationFacts,
    MigrationFile,
    MigrationFolder,
    Problem,
    Rehearsal,
    Relation,
    Schema,
)
from rfdata.model.postgres import (
    Activity,
    Database,
    HbaRule,
    PostgresFacts,
    PostgresServer,
    Privilege,
    Role,
    Setting,
)
from rfdata.model.redis import AclUser, RedisFacts
from rfdata.model.server import SERVERS, Certificate, LogFile, LogState, Probe, Probes, Server

__all__ = [
    "SERVERS",
    "AclUser",
    "Activity",
    "CertFacts",
    "Certificate",
    "Database",
    "DeploymentFacts",
    "Disk",
    "EnvFacts",
    "Facts",
    "FileState",
    "GitState",
    "HbaRule",
    "HealthRecord",
    "HostFacts",
    "Ledger",
    "LedgerEntry",
    "Limits",
    "Listener",
    "LogFile",
    "LogState",
    "MigrationFacts",
    "MigrationFile",
    "MigrationFolder",
    "PostgresFacts",
    "PostgresServer",
    "Privilege",
    "Probe",
    "Probes",
    "Problem",
    "Process",
    "RedisFacts",
    "Rehearsal",
    "Relation",
    "Role",
    "Schema",
    "SecretStrength",
    "Server",
    "ServerPrograms",
    "Setting",
    "UrlParts",
    "Watch",
    "paths",
    "with_fact",
    "without",
]


@dataclass(frozen=True, slots=True)
class Facts:
    gathered_at: datetime
    env: EnvFacts
    postgres: PostgresFacts
    redis: RedisFacts
    redis_durable: RedisFacts
    certs: CertFacts
    host: HostFacts
    deployment: DeploymentFacts
    migrations: MigrationFacts
    statements: Statements


def paths(facts: Any, prefix: str = "") -> dict[str, Fact[Any]]:
    """Every fact by its dotted path, for example "postgres.probes.login" or "host.disks.redis"."""
    found: dict[str, Fact[Any]] = {}
    for name, value in _children(facts):
        here = f"{prefix}{name}"
        if isinstance(value, Fact):
            found[here] = value
        elif is_dataclass(value) or isinstance(value, Mapping):
            found |= paths(value, f"{here}.")
    return found


def with_fact(facts: Any, path: str, fact: Fact[Any]) -> Any:
    """The same facts with one of them replaced."""
    name, _, rest = path.partition(".")
    old = facts[name] if isinstance(facts, Mapping) else getattr(facts, name)
    new = with_fact(old, rest, fact) if rest else fact
    return {**facts, name: new} if isinstance(facts, Mapping) else replace(facts, **{name: new})


def without(facts: Facts, path: str, trouble: str) -> Facts:
    """The same facts with one of them unread."""
    changed: Facts = with_fact(facts, path, unread(trouble, paths(facts)[path].read_from))
    return changed


def _children(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    return [(field.name, getattr(value, field.name)) for field in fields(value)]
