"""What a run leaves: the table on the terminal, JSON, and the measured parts of docs/benchmarks.md."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.figure import COLUMNS, Figure
from benchmarks.machine import Machine
from benchmarks.measure import MEGABYTE, BenchmarkError, own_peak
from benchmarks.scenarios import LAYER, Part

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
END = "<!-- end of what is measured -->"


def table(figures: Sequence[Figure]) -> str:
    """For the terminal."""
    rows = [COLUMNS, *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def write(part: Part, machine: Machine, figures: Sequence[Figure]) -> tuple[Path, Path]:
    """The part's own JSON, and its section of the page; every other part stays as it is."""
    return _write_json(part, machine, figures), _write_page(part, machine, figures)


def begin(part: Part) -> str:
    """The line of the page after which the part's measured section begins."""
    return f"<!-- measured: written by `python -m benchmarks {part.name}` -->"


def _write_json(part: Part, machine: Machine, figures: Sequence[Figure]) -> Path:
    rows = [{**asdict(figure), "asked": figure.asked_text, "met": figure.met} for figure in figures]
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": asdict(machine), "figures": rows}, indent=2, ensure_ascii=False)
    path = RESULTS / part.results
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _write_page(part: Part, machine: Machine, figures: Sequence[Figure]) -> Path:
    """Replace the part's section; what a person wrote around it stays."""
    before, found, rest = PAGE.read_text(encoding="utf-8").partition(begin(part))
    if not found:
        raise BenchmarkError(f"{PAGE} has no line {begin(part)}")
    after = rest.partition(END)[2]
    measured = measured_part(part, machine, figures)
    PAGE.write_text(f"{before}{found}\n{measured}\n{END}{after}", encoding="utf-8")
    return PAGE


def measured_part(part: Part, machine: Machine, figures: Sequence[Figure]) -> str:
    return "\n\n".join(
        (
            _machine(machine),
            _legend(part),
            _markdown(figures),
            _short(figures),
            "### What is measured",
            *(f"**{benchmark.name}**: {benchmark.about}" for benchmark in part.benchmarks),
        )
    )


def _machine(machine: Machine) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    return (
        f"Measured {machine.measured_at} on {machine.cores} cores ({machine.cpu}), "
        f"{machine.memory_gib:g} GiB, {machine.system}; load before: {machine.load:g}.\n"
        f"{versions}."
    )


def _legend(part: Part) -> str:
    rows = (
        "Every row is the minimum, median and maximum of so many runs after a warm-up; a time is "
    )
    if part is not LAYER:
        return f"{rows}judged by its median, like a rate and a share."
    return (
        f"{rows}judged by its median, memory by its maximum. Processor time is that of rfdata and of "
        "what it waits for (initdb), without the servers; "
        "it tells how much of a time was waiting. Memory is resident, of the largest process of a "
        f"run (1 MB = 1,000,000 bytes; below {own_peak() / MEGABYTE:.0f} MB nothing can be "
        "told apart from the measuring program)."
    )


def _markdown(figures: Sequence[Figure]) -> str:
    def row(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cells)} |"

    rule = row(["---"] * 2 + ["---:"] * 5 + [":---:"])
    return "\n".join((row(COLUMNS), rule, *(row(figure.cells()) for figure in figures)))


def _short(figures: Sequence[Figure]) -> str:
    missed = [f"{each.benchmark}: {each.what}" for each in figures if each.met is False]
    return f"Not met: {'; '.join(missed)}." if missed else "Everything that was asked is met."
