"""What a person sees of migrations on the terminal: the list, findings, a rehearsal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rfdata.cli.show import console

if TYPE_CHECKING:
    from rfdata.migrate import Picture, Row
    from rfdata.model.facts import Problem

STYLES = {
    "applied": "green",
    "baseline": "green",
    "pending": "yellow",
    "applying": "red",
    "failed": "red",
    "edited": "red",
    "gone": "red",
}
LONGEST_HELD = 8
"""Rows of the lock table that a terminal gets; the JSON has all."""


def status(picture: Picture) -> None:
    """One line a migration, newest last, and what stands in the way."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    if not picture.rows and not picture.folder.problems:
        out.print(f"no migrations in {picture.folder.path}; `rfdata init` brings the schema")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("migration", "state", "applied", "seconds", "by", "rehearsed"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left")
    for row in picture.rows:
        state = Text(row.state, style=STYLES.get(row.state, ""))
        table.add_row(row.name, state, *_when(row), "yes" if row.rehearsed else "-")
    out.print(table)
    for problem in picture.folder.problems:
        out.print(Text(f"{problem.place}: {problem.message}", style="red"))
        out.print(f"     -> {problem.remedy}", style="dim")
    counts = {
        state: sum(row.state == state for row in picture.rows)
        for state in dict.fromkeys(row.state for row in picture.rows)
    }
    out.print("\n" + ", ".join(f"{count} {state}" for state, count in counts.items()))


def _when(row: Row) -> tuple[str, str, str]:
    if row.entry is None:
        return "", "", ""
    seconds = f"{row.entry.seconds:.3f}" if row.entry.seconds else "-"
    return f"{row.entry.at:%Y-%m-%d %H:%M:%S}", seconds, row.entry.by


def findings(found: Sequence[Problem]) -> None:
    """Each finding as path:line:column, with what to do; waived ones last, with their reason."""
    from rich.text import Text

    out = console()
    for problem in (p for p in found if not p.waived):
        style = "red" if problem.severity == "error" else "yellow"
        out.print(
            Text.assemble(
                (problem.place, "bold"), "  ", (problem.severity, style), f"  {problem.rule}"
            )
        )
        out.print(f"     {problem.message}", markup=False)
        out.print(f"     -> {problem.remedy}", style="dim", markup=False)
    for problem in (p for p in found if p.waived):
        out.print(f"{problem.place}  waived  {problem.rule}: {problem.waived}", style="dim")
    errors = sum(p.severity == "error" and not p.waived for p in found)
    warnings = sum(p.severity == "warning" and not p.waived for p in found)
    waived = sum(bool(p.waived) for p in found)
    out.print(f"{errors} errors, {warnings} warnings, {waived} waived")


def rehearsal(data: Mapping[str, Any]) -> None:
    """How a rehearsal went: seconds a migration, and who would have waited for what."""
    from rich.table import Table

    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("migration", "up", "down", "up again"):
        table.add_column(heading, justify="left" if heading == "migration" else "right")
    for name, timings in data["timings"].items():
        cells = (timings.get(way) for way in ("up", "down", "again"))
        table.add_row(name, *("-" if cell is None else f"{cell:.3f} s" for cell in cells))
    out.print(table)
    held = sorted(data["locks"], key=lambda lock: -lock["seconds"])[:LONGEST_HELD]
    if held:
        out.print("\nlocks on tables that were there before, the longest first", style="bold")
    for lock in held:
        out.print(
            f"  {lock['seconds']:.3f} s  {lock['relation']}  {lock['mode']}: {lock['blocks']}"
            f"  ({lock['migration']}, {lock['direction']})"
        )
    passed = "passed" if data["passed"] else f"did not pass: {data['trouble']}"
    out.print(
        f"\nthe rehearsal {passed}, on a copy made by {data['method']}, {data['seconds']:.1f} s"
    )
