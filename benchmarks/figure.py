"""One measured figure beside what was asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.measure import Spread

Unit = Literal["s", "ms", "MB", "x", "/s", "count", "share"]
"""`/s`: how many a second. `share`: from 0 to 1."""


@dataclass(frozen=True)
class Asked:
    """A limit of the issue."""

    limit: float
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Figure:
    benchmark: str
    what: str
    unit: Unit
    spread: Spread
    asked: Asked | None = None

    @property
    def judged(self) -> float:
        """Memory is judged by its highest run, everything else by the median."""
        return self.spread.high if self.unit == "MB" else self.spread.middle

    @property
    def met(self) -> bool | None:
        """None where nothing was asked."""
        return None if self.asked is None else self.asked.met_by(self.judged)

    @property
    def asked_text(self) -> str:
        if self.asked is None:
            return ""
        return f"{'≥' if self.asked.at_least else '≤'} {number(self.asked.limit, self.unit)}"

    @property
    def verdict(self) -> str:
        return {None: "", True: "yes", False: "NO"}[self.met]

    def cells(self) -> tuple[str, ...]:
        """The row of the table: benchmark, what, asked, low, middle, high, runs, met."""
        low, middle, high = (
            number(value, self.unit)
            for value in (self.spread.low, self.spread.middle, self.spread.high)
        )
        runs = str(self.spread.runs)
        return (self.benchmark, self.what, self.asked_text, low, middle, high, runs, self.verdict)


COLUMNS = ("benchmark", "what", "asked", "min", "median", "max", "runs", "met")


def number(value: float, unit: Unit) -> str:
    """
    >>> number(0.91234, "s"), number(23.4567, "ms"), number(1.5, "x")
    ('0.91 s', '23.5 ms', '1.50 x')
    >>> number(1234.5, "/s"), number(6, "count"), number(0.98765, "share")
    ('1,234 /s', '6', '0.988')
    """
    if unit == "share":
        return f"{value:.3f}"
    if unit == "count":
        return f"{value:,.0f}"
    digits = {"s": 2, "ms": 1, "MB": 1, "x": 2, "/s": 0}[unit]
    return f"{value:,.{digits}f} {unit}"
