"""What a person sees on the terminal: plans, the end of `up`, reports, the status picture."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rfdata.config.quantities import format_size

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from rfdata.model.plan import Plan
    from rfdata.model.verdict import Report
    from rfdata.status import Picture, ServerRow

HEADINGS = {
    "files": "Files",
    "settings": "Settings",
    "roles": "Roles and rights",
    "processes": "Processes",
    "migrations": "Migrations",
}
STYLES = {"+": "green", "-": "red", "~": "yellow"}


def console(stream: IO[str] | None = None) -> Console:
    """A console on stdout, or another stream; colours only where it is a terminal."""
    from rich.console import Console

    stream = stream or sys.stdout
    width = None if stream.isatty() else 120
    return Console(file=stream, highlight=False, soft_wrap=True, width=width)


def plan(found: Plan, stream: IO[str] | None = None) -> None:
    """A plan as a readable diff, under the headings files, settings, roles, processes."""
    from rich.text import Text

    out = console(stream)
    if found.empty:
        out.print("Nothing to do: everything is as configured.")
        return
    for group, heading in HEADINGS.items():
        steps = [(n, step) for n, step in enumerate(found.steps, 1) if step.group == group]
        if not steps:
            continue
        out.print(Text(f"\n{heading}", style="bold"))
        for number, step in steps:
            out.print(Text.assemble((f"{number:>4}  ", "dim"), step.summary))
            for line in step.detail:
                out.print(Text(f"        {line}", style=STYLES.get(line[:1], "dim")))
    out.print(f"\n{counted(len(found.steps))}, plan {found.digest[:12]}")


def up(steps: int, found: Report, paths: Sequence[Path]) -> None:
    """The end of `up`: what was done, the report, where its files are."""
    out = console()
    report(found)
    out.print()
    if steps == 0:
        out.print("Nothing changed: everything was as configured.")
    else:
        out.print(f"{counted(steps)} applied.")
    for path in paths:
        if path.suffix == ".html":
            out.print(f"Report: {path}")


def report(found: Report, *, everything: bool = False) -> None:
    """A report for the terminal; `everything` also lists the lines that pass."""
    from rfdata.report.terminal import print_report

    print_report(found, console(), everything=everything)


def counted(steps: int) -> str:
    """A number of steps in words.

    >>> counted(1)
    '1 step'
    """
    return f"{steps} step{'' if steps == 1 else 's'}"


def status(picture: Picture) -> None:
    """One screen."""
    from rich.text import Text

    out = console()
    head = (
        f"{picture.deployment}  {picture.profile} on {picture.target}, watched by {picture.watch}"
    )
    out.print(Text(head, style="bold"))
    out.print(_table(picture))
    for row in picture.servers:
        if row.trouble:
            out.print(Text(f"{row.server}: {row.trouble}", style="red"))
    out.print(f"backup     {picture.last_backup}")
    if picture.verified_at is None:
        out.print("checklist  never verified")
        return
    totals = ", ".join(
        f"{count} {name}" for name, count in picture.totals.items() if name != "lines" and count
    )
    out.print(f"checklist  {totals} (verified {picture.verified_at:%Y-%m-%d %H:%M} UTC)")


def _table(picture: Picture) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in (
        "server",
        "state",
        "version",
        "address",
        "up",
        "connections",
        "memory",
        "certificate",
    ):
        table.add_column(column)
    for row in picture.servers:
        table.add_row(row.server, _state(row), *_figures(row))
    return table


def _state(row: ServerRow) -> str:
    if row.reached:
        return "[green]answers[/]"
    if row.running:
        return "[red]runs, but does not answer us[/]"
    return "[red]stopped[/]" if row.running is False else "[red]not reached[/]"


def _figures(row: ServerRow) -> tuple[str, ...]:
    origin = "" if row.origin in (None, "packaged", "external") else f" ({row.origin})"
    connections = (
        "-" if row.connections is None else f"{row.connections} of {row.connections_limit or '?'}"
    )
    memory = "-" if row.memory is None else f"{row.memory / 1024**2:.0f}MB"
    limit = f" of {format_size(row.memory_limit)}" if row.memory_limit else ""
    days = "-" if row.certificate_days is None else f"{row.certificate_days} days"
    return (
        f"{row.version or '-'}{origin}",
        row.address,
        "-" if row.up_seconds is None else age(row.up_seconds),
        connections,
        memory + limit,
        days,
    )


def age(seconds: float) -> str:
    """A duration in its two largest units.

    >>> age(93784)
    '1d 2h'
    """
    whole = int(seconds)
    parts = [
        (whole // 86400, "d"),
        (whole // 3600 % 24, "h"),
        (whole // 60 % 60, "m"),
        (whole % 60, "s"),
    ]
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{count}{unit}" for count, unit in parts[:2])
