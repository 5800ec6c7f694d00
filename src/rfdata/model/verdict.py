"""Outcomes and verdicts: what a check says of a fact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

Severity = Literal["critical", "high", "medium", "low"]


class Outcome(StrEnum):
    """Ordered from worst to best: a line's outcome is the worst of what decides it."""

    FAIL = "fail"
    UNKNOWN = "unknown"
    PENDING = "pending"
    ATTEST = "attest"
    WAIVED = "waived"
    ATTESTED = "attested"
    PASS = "pass"
    NOT_APPLICABLE = "not_applicable"


_RANK = {outcome: rank for rank, outcome in enumerate(Outcome)}


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of several outcomes.

    >>> worst([Outcome.PASS, Outcome.NOT_APPLICABLE]).value
    'pass'
    """
    return min(outcomes, key=_RANK.__getitem__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was expected, what was found, how it was read."""

    outcome: Outcome
    expected: str
    actual: str
    read_from: str
    note: str = ""
    """Why it does not apply, why it could not be read, or what a reader should also know."""
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """What is known of a check besides its function."""

    id: str
    severity: Severity
    why: str
    """What goes wrong in the world when this is not so: the function's docstring."""
    remedy: str
    host: bool = False
    """True when it needs a look at the servers' own host, which someone else's server refuses."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    item: Item
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class LineResult:
    """One box of the checklist, decided."""

    id: str
    section: int
    text: str
    outcome: Outcome
    decided_by: tuple[str, ...]
    """Check ids, `drill:NAME`, `attestation`, `capability:NAME` or `target:NAME`."""
    reason: str = ""
    """For every outcome but pass: why; for attested and waived: who, when, until when."""
    deviation: str = ""
    """Where we differ from the checklist's wording, in one sentence (decisions.md)."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a verification found; see the contract `rfdata/report/1`."""

    deployment: str
    profile: str
    target: str
    config_digest: str
    runtime: str
    """Which server programs serve, and whether they are packaged or assembled."""
    evidence_head: str
    started_at: datetime
    finished_at: datetime
    lines: tuple[LineResult, ...]
    checks: tuple[CheckResult, ...]

    def count(self, outcome: Outcome) -> int:
        """How many lines have this outcome."""
        return sum(1 for line in self.lines if line.outcome is outcome)
