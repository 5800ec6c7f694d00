"""Records of the evidence log, and what people have stated in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Kind = Literal[
    "applying",
    "applied",
    "failed",
    "verified",
    "attested",
    "waived",
    "stopped",
    "drill",
    "overridden",
    "repaired",
]

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Evidence:
    """One record. `hash` is the SHA-256 of all the rest in canonical JSON, `previous` included."""

    seq: int
    at: datetime
    by: str
    """user@host of whoever ran rfdata."""
    version: str
    kind: Kind
    data: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A named person's word on one line: an attestation, or a waiver with its owner."""

    line: str
    by: str
    note: str
    at: datetime
    until: datetime

    def holds(self, moment: datetime) -> bool:
        return moment < self.until


@dataclass(frozen=True, slots=True)
class Statements:
    """The newest attestation and waiver of each line, expired ones included."""

    attested: Mapping[str, Statement]
    waived: Mapping[str, Statement]
