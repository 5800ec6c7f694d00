"""What is read of one Redis server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rfdata.model.fact import Fact
from rfdata.model.server import LogState, Probes


@dataclass(frozen=True, slots=True)
class AclUser:
    """One user of ACL LIST."""

    enabled: bool
    no_password: bool
    password_matches: bool
    """The only password hash is that of .env."""
    rules: str
    """Commands, keys and channels as Redis prints them, password hashes left out."""


@dataclass(frozen=True, slots=True)
class RedisFacts:
    admitted: Fact[bool]
    """The server lets rfdata's own user in with the password of .env; False when it turns it down."""
    info: Fact[Mapping[str, str]]
    """INFO everything, flat."""
    settings: Fact[Mapping[str, str]]
    """CONFIG GET *, without values that are secret."""
    acl: Fact[Mapping[str, AclUser]]
    databases: Fact[frozenset[int]]
    """Of 0 and 1, those that SELECT lets the app user into."""
    log: Fact[LogState]
    probes: Probes
