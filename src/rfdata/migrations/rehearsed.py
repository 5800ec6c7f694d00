"""What a rehearsal found, as a value and as the evidence log keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rfdata.evidence import log
from rfdata.migrations.load import Waits
from rfdata.migrations.locks import BLOCKS, Held
from rfdata.model.migrations import Rehearsal

Pass = Literal["up", "down", "up again"]

DRILL = "migration"
"""What tells these records from those of other drills."""

_LOCKS = 5
"""Of each migration and direction in the evidence: the strongest and longest."""

_TROUBLE = 4000
"""Characters."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One migration in one pass."""

    name: str
    direction: Pass
    seconds: float
    """By the server's clock."""
    locks: tuple[Held, ...] = ()
    """On what was there before it; what it made itself nobody waits for."""
    waits: Waits = Waits()  # noqa: RUF009 - frozen
    """What the small live load saw meanwhile."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    method: str
    """How the copy was made: "template", "dump", "schema" or "empty"."""
    seconds: float
    trouble: str
    """Why it did not pass; empty when it did."""
    checksums: Mapping[str, str]
    """What was rehearsed, as `rehearsed_as` names it: with the rollback only if that was run."""
    one_way: tuple[str, ...]
    """Migrations that were not taken back, because they or a later one have no rollback."""
    ran: tuple[Ran, ...]

    @property
    def passed(self) -> bool:
        return not self.trouble

    def to_data(self) -> dict[str, Any]:
        """For a record of kind "drill"; about 1 kB for a migration."""
        return {
            "drill": DRILL,
            "passed": self.passed,
            "method": self.method,
            "seconds": round(self.seconds, 3),
            "trouble": self.trouble[:_TROUBLE],
            "checksums": dict(self.checksums),
            "one_way": list(self.one_way),
            "timings": self._by_migration(lambda ran: round(ran.seconds, 4)),
            "locks": self._by_migration(lambda ran: list(_locks(ran.locks))),
            "load": self._by_migration(lambda ran: _waits(ran.waits)),
        }

    def _by_migration(self, told: Callable[[Ran], Any]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for ran in self.ran:
            if said := told(ran):
                found.setdefault(ran.name, {})[ran.direction] = said
        return found


def rehearsals(folder: Path) -> tuple[Rehearsal, ...]:
    """Those of an evidence log, oldest first. Raises UsageError for a log that is not sound."""
    return tuple(
        Rehearsal(
            at=evidence.at,
            by=evidence.by,
            passed=bool(evidence.data.get("passed")),
            checksums=dict(evidence.data.get("checksums") or {}),
            method=str(evidence.data.get("method", "")),
            seconds=float(evidence.data.get("seconds", 0)),
            trouble=str(evidence.data.get("trouble", "")),
        )
        for evidence in log.read(folder, "drill")
        if evidence.data.get("drill") == DRILL
    )


def _locks(held: tuple[Held, ...]) -> Iterator[dict[str, Any]]:
    for each in held[:_LOCKS]:
        yield {
            "relation": each.relation,
            "mode": each.mode,
            "seconds": round(each.seconds, 4),
            "blocks": BLOCKS[each.mode],
        }


def _waits(waits: Waits) -> dict[str, Any]:
    """Nothing where there was no table to read or write yet."""
    if not waits.statements:
        return {}
    return {
        "worst": round(waits.worst, 4),
        "median": round(waits.median, 5),
        "statements": waits.statements,
    }
