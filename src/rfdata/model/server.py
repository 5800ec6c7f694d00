"""What is read of any server, whatever its engine: probes, logs, certificates, processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rfdata.model.fact import Fact

Server = Literal["postgres", "redis", "redis-durable"]
SERVERS: tuple[Server, ...] = ("postgres", "redis", "redis-durable")


@dataclass(frozen=True, slots=True)
class Probe:
    """One attempt to talk to a server that answered. `accepted` says whether it let us in.

    A server that could not be reached at all is not a Probe but an unread fact: a refusal counts
    only when the server itself refused.
    """

    accepted: bool
    detail: str
    """What the server answered, or what the client's TLS library found, in one line."""
    tls_version: str = ""
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Probes:
    """The first must be accepted; all others must be refused."""

    login: Fact[Probe]
    """The services' own way in: app user, password, TLS with verification; SELECT 1 or PING."""
    plaintext: Fact[Probe]
    wrong_password: Fact[Probe]
    no_password: Fact[Probe]
    foreign_ca: Fact[Probe]
    """A client that trusts only another CA has to turn the server's certificate down."""
    old_tls: Fact[Probe]
    """A client that offers TLS 1.1 at most."""
    foreign_network: Fact[Probe]
    """PostgreSQL only: a client whose address lies outside the configured networks."""


@dataclass(frozen=True, slots=True)
class LogFile:
    name: str
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class LogState:
    """A server's log folder."""

    files: tuple[LogFile, ...]
    startup_errors: tuple[str, ...]
    """FATAL and PANIC lines (Redis: lines of level #) since the last start, clients' own mistakes
    (wrong passwords, refused connections, our probes) left out; at most ten."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as presented by a live server (or, for the CA, as it lies in certs/)."""

    subject: str
    names: frozenset[str]
    """DNS names and IP addresses."""
    not_before: datetime
    not_after: datetime
    key: str
    """For example "ECDSA P-256"."""
    self_signed: bool
    issued_by_ca: bool
    """Its signature verifies with our CA's key."""
    fingerprint: str
