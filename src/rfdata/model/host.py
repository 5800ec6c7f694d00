"""What is read of the machine where the servers run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rfdata.model.deployment import FileState
from rfdata.model.fact import Fact
from rfdata.model.server import Certificate, Server


@dataclass(frozen=True, slots=True)
class Process:
    """A server's process, identified by its pid file, program and working directory."""

    pid: int
    started_at: datetime
    program: str
    user: str
    resident_bytes: int
    """The whole family: the process and its descendants."""


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system under a folder."""

    device: str
    type: str
    total: int
    free: int
    """Bytes that an ordinary user can still write."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the kernel enforces for a server. None: no limit is set."""

    cpus: float | None
    memory: int | None
    memory_reservation: int | None


@dataclass(frozen=True, slots=True)
class Listener:
    address: str
    port: int
    process: int | None


@dataclass(frozen=True, slots=True)
class ServerPrograms:
    """Which programs serve on this target."""

    version: str
    origin: Literal["packaged", "assembled", "external"]
    path: str
    locale: tuple[str, ...] = ()
    """PostgreSQL: initdb's arguments for the best locale of this host (decisions, 12)."""
    notifies: bool = False
    """Built to tell systemd when it is ready."""


@dataclass(frozen=True, slots=True)
class HealthRecord:
    """What the watching process saw of one server last."""

    healthy: bool
    checked_at: datetime
    failures_in_a_row: int


@dataclass(frozen=True, slots=True)
class Watch:
    """Whoever restarts servers, rotates logs and polls health: systemd with our timer, or the agent."""

    by: Literal["systemd", "agent", "nobody"]
    alive: bool
    survives_reboot: bool
    interval: float
    timeout: float
    """Seconds."""
    retries: int
    start_period: float
    health: Mapping[str, HealthRecord]
    current: bool = True
    """It runs this version with these settings, for every server; else it has to be started anew."""


@dataclass(frozen=True, slots=True)
class CertFacts:
    ca: Fact[Certificate]
    ca_key: Fact[FileState]
    served: Mapping[Server, Fact[Certificate]]
    on_disk: Mapping[Server, Fact[Certificate]]
    keys: Mapping[Server, Fact[FileState]]


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What is read on the machine where the servers run; all unread on an external target."""

    cpus: Fact[int]
    memory: Fact[int]
    """Bytes."""
    users: Fact[frozenset[str]]
    """Those of the configured system users that exist."""
    programs: Mapping[Server, Fact[ServerPrograms]]
    processes: Mapping[Server, Fact[Process | Literal["stopped"]]]
    data: Mapping[Server, Fact[FileState]]
    """Each server's data folder."""
    disks: Mapping[Server, Fact[Disk]]
    limits: Mapping[Server, Fact[Limits]]
    limits_possible: Fact[bool]
    """This host lets us set limits (systemd, or writable control groups)."""
    listeners: Fact[tuple[Listener, ...]]
    """Every listening TCP socket of the configured ports."""
    watch: Fact[Watch]
