"""What a person sees of migrations on the terminal: the list, findings, a rehearsal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
PASSES = ("up", "down", "up again")
LONGEST_HELD = 8
"""Locks that a terminal shows; the JSON has more."""


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
    from rich.text import Text

    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("migration")
    for way in PASSES:
        table.add_column(way, justify="right")
    table.add_column("longest wait", justify="right")
    for name, timings in data["timings"].items():
        cells = (timings.get(way) for way in PASSES)
        waits = [waited["worst"] for waited in data["load"].get(name, {}).values()]
        row = (*cells, max(waits, default=None))
        table.add_row(name, *("-" if cell is None else f"{cell:.3f} s" for cell in row))
    out.print(table)
    held = sorted(_held(data["locks"]), key=lambda each: -each[0])
    if held:
        out.print("\nlocks on what was there before, the longest first", style="bold")
    for seconds, text in held[:LONGEST_HELD]:
        out.print(Text(f"  {seconds:.3f} s  {text}"))
    out.print(f"\nthe rehearsal passed, on a copy ({data['method']}), in {data['seconds']:.1f} s")


def _held(locks: Mapping[str, Any]) -> Iterator[tuple[float, str]]:
    for name, ways in locks.items():
        for way, each in ways.items():
            for lock in each:
                place = f"{lock['relation']}  {lock['mode']}: {lock['blocks']}"
                yield lock["seconds"], f"{place}  ({name}, {way})"
