"""Steps and plans: every change as data, with its reversal, before anything is done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from rfdata.model.facts import Limits, Privilege, Server
from rfdata.secrets import Secret

Group = Literal["files", "settings", "roles", "processes", "migrations"]
Stage = Literal["place", "servers", "inside"]
"""One after another: the place with its files; the servers up to their start; what is inside them."""


@dataclass(frozen=True, slots=True)
class CreateSystemUser:
    user: str


@dataclass(frozen=True, slots=True)
class MakeDirectory:
    path: Path
    mode: int
    user: str


@dataclass(frozen=True, slots=True)
class SetAccess:
    """Give an existing file or folder its owner and mode."""

    path: Path
    mode: int
    user: str


@dataclass(frozen=True, slots=True)
class WriteFile:
    path: Path
    content: str | Secret
    mode: int
    user: str


@dataclass(frozen=True, slots=True)
class IssueAuthority:
    """Make the internal CA."""

    days: int


@dataclass(frozen=True, slots=True)
class IssueCertificate:
    server: Server
    names: tuple[str, ...]
    days: int


@dataclass(frozen=True, slots=True)
class InitDatabase:
    """Run initdb: the one step that makes a new, empty data folder."""

    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StartServer:
    server: Server


@dataclass(frozen=True, slots=True)
class RestartServer:
    server: Server


@dataclass(frozen=True, slots=True)
class ReloadServer:
    """Let a running server take up new settings, access rules and certificates; nobody is cut off."""

    server: Server


@dataclass(frozen=True, slots=True)
class SetLimits:
    server: Server
    limits: Limits


@dataclass(frozen=True, slots=True)
class StartWatch:
    """Start (or restart, when its program or settings changed) whoever watches the servers."""


@dataclass(frozen=True, slots=True)
class ResetSetting:
    """Take back an ALTER SYSTEM that overrides the rendered file."""

    name: str


@dataclass(frozen=True, slots=True)
class SetRedisSetting:
    server: Server
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class CreateRole:
    role: str


@dataclass(frozen=True, slots=True)
class AlterRole:
    """Attributes as ALTER ROLE takes them, for example ("LOGIN", "NOCREATEDB")."""

    role: str
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetRoleSetting:
    role: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SetPassword:
    role: str
    password: Secret


@dataclass(frozen=True, slots=True)
class GrantRole:
    role: str
    member: str


@dataclass(frozen=True, slots=True)
class RevokeRole:
    role: str
    member: str


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    name: str
    owner: str


@dataclass(frozen=True, slots=True)
class SetOwner:
    """Give a database or schema to a role."""

    kind: Literal["database", "schema"]
    name: str
    owner: str


@dataclass(frozen=True, slots=True)
class CreateExtension:
    name: str


@dataclass(frozen=True, slots=True)
class Grant:
    privilege: Privilege


@dataclass(frozen=True, slots=True)
class Revoke:
    privilege: Privilege


@dataclass(frozen=True, slots=True)
class Migrate:
    """Apply these migrations, in this order, and no others."""

    migrations: tuple[tuple[str, str], ...]
    """Name and checksum."""


@dataclass(frozen=True, slots=True)
class RollBack:
    """Take these migrations back, in this order, and no others."""

    migrations: tuple[tuple[str, str], ...]
    """Name, and the checksum of its rollback."""


@dataclass(frozen=True, slots=True)
class Rehearse:
    """Try these migrations on a scratch copy of the database, and put the outcome on record."""

    migrations: tuple[tuple[str, str], ...]
    """Name, and what `model.migrations.rehearsed_as` makes of it."""
    from_empty: bool = False
    """On an empty database instead of a copy: what the copy has already can't be applied to it."""


FileAction = CreateSystemUser | MakeDirectory | SetAccess | WriteFile
CertificateAction = IssueAuthority | IssueCertificate
ProcessAction = InitDatabase | StartServer | RestartServer | ReloadServer | SetLimits | StartWatch
SqlAction = (
    ResetSetting
    | CreateRole
    | AlterRole
    | SetRoleSetting
    | SetPassword
    | GrantRole
    | RevokeRole
    | CreateDatabase
    | SetOwner
    | CreateExtension
    | Grant
    | Revoke
)
MigrationAction = Migrate | RollBack | Rehearse
Action = (
    FileAction | CertificateAction | ProcessAction | SqlAction | SetRedisSetting | MigrationAction
)


@dataclass(frozen=True, slots=True)
class Step:
    """One change: what is done, and what a person reads before saying yes."""

    group: Group
    """Under which heading of the plan it is shown."""
    summary: str
    reversal: str
    """How a person takes it back."""
    action: Action
    detail: tuple[str, ...] = ()
    """Lines of a diff, each beginning with "+", "-", "~" or a space. Never a secret."""
    stage: Stage = "place"
    lane: str = ""
    """Within a stage, steps of one lane run in order, different lanes side by side."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered steps, and the digest of the configuration that they were planned from."""

    config_digest: str
    steps: tuple[Step, ...]

    @property
    def empty(self) -> bool:
        return not self.steps

    @property
    def lanes(self) -> tuple[tuple[tuple[Step, ...], ...], ...]:
        """For each stage, in order, its lanes with their steps."""
        stages = tuple(
            [step for step in self.steps if step.stage == stage] for stage in get_args(Stage)
        )
        return tuple(
            tuple(
                tuple(step for step in steps if step.lane == lane)
                for lane in dict.fromkeys(step.lane for step in steps)
            )
            for steps in stages
        )

    @property
    def digest(self) -> str:
        """SHA-256 over the configuration and every step with its diff.

        A step holds what it changes from (in its diff) and to (in its action), so a plan made from
        other facts has another digest. Secrets count through their own SHA-256.
        """
        body = {"config": self.config_digest, "steps": [_plain(step) for step in self.steps]}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Secret):
        return hashlib.sha256(value.reveal().encode()).hexdigest()
    if isinstance(value, tuple):
        return [_plain(element) for element in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(element) for name, element in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        content = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}  # type: ignore[arg-type]
        return {"type": type(value).__name__, **content}
    return value if isinstance(value, str | int | float | bool | None) else str(value)
