"""What each tool takes for a thousand migrations, and for finding that none is left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.deployment import RFDATA
from benchmarks.figure import Asked, Figure
from benchmarks.measure import BenchmarkError, Sample, Spread, run
from benchmarks.migrations import layout, rivals
from benchmarks.migrations.place import Place, place
from benchmarks.migrations.rivals import Tool

APPLY, NOTHING = "migrate", "migrate_noop"
FLOOR = Asked(1.3)
FASTER = Asked(1)
ABOVE_START = Asked(100)
ROOT = Path(__file__).parents[2]
CHEAP = 3
"""Finding nothing to do takes a tenth of a second, so it is done so many times as often."""
CALLED = "the runner, called as a library"
PROGRAM = "`rfdata migrate up`"
START = "`python -c pass`"


@dataclass(frozen=True)
class Field:
    """Everybody who takes part. psql has no ledger: run again, it would do everything again."""

    place: Place
    floors: tuple[Tool, ...]
    rivals: tuple[Tool, ...]
    ours: tuple[Tool, ...]

    @property
    def tools(self) -> tuple[Tool, ...]:
        return (*self.floors, *self.rivals, *self.ours)


@dataclass(frozen=True)
class Round:
    """One turn of everybody."""

    applied: Mapping[str, Sample]
    nothing: Mapping[str, tuple[tuple[Sample, Sample], ...]]
    """Whoever keeps a ledger, run again; each time with the bare start of Python right after."""


def measure(runs: int, say: Callable[[str], None], count: int = layout.COUNT) -> list[Figure]:
    """Each tool on a database that was just made, then once more; BenchmarkError where one fails."""
    with _field(count) as field:
        say(f"{len(field.tools)} tools, {count} migrations each")
        expected = _expected(field)
        rounds = [_round(field, expected) for _ in range(runs + 1)][1:]
    return [*_applied(field, rounds, count), *_nothing_left(field, rounds)]


@contextmanager
def _field(count: int) -> Iterator[Field]:
    with TemporaryDirectory(prefix="rfdata-benchmark-") as name, place(count) as found:
        folder = Path(name).resolve()
        installed = rivals.install(folder)
        server, sources = found.server, found.sources
        at = (str(server.socket), str(server.port), server.database)
        call = (sys.executable, "-m", "benchmarks.migrations.call", *at, sources)
        yield Field(
            place=found,
            floors=rivals.floors(server, sources, folder),
            rivals=(
                *rivals.rivals(server, installed, folder, count),
                rivals.loop(server, sources),
            ),
            ours=(
                Tool(CALLED, call, ROOT),
                Tool(PROGRAM, (RFDATA, "-C", found.deployment.folder, "migrate", "up", "--yes")),
            ),
        )


def _expected(field: Field) -> tuple[object, ...]:
    """What must be there afterwards, whoever did it."""
    field.place.renew()
    floor = field.floors[0]
    run(floor.argv, cwd=floor.cwd)
    return field.place.what_there_is()


def _round(field: Field, expected: tuple[object, ...]) -> Round:
    applied: dict[str, Sample] = {}
    nothing: dict[str, tuple[tuple[Sample, Sample], ...]] = {}
    bare = partial(run, (sys.executable, "-c", "pass"))
    for tool in field.tools:
        field.place.renew()
        applied[tool.name] = run(tool.argv, cwd=tool.cwd)
        if tool.keeps_ledger:
            again = partial(run, tool.argv, cwd=tool.cwd)
            nothing[tool.name] = tuple((again(), bare()) for _ in range(CHEAP))
        if field.place.what_there_is() != expected:
            raise BenchmarkError(f"{tool.name}: what it made is not what psql made")
    return Round(applied, nothing)


def _applied(field: Field, rounds: Sequence[Round], count: int) -> list[Figure]:
    """Ratios are taken round by round, so that a slow minute of the machine weighs on both sides."""

    def seconds(tool: Tool) -> list[float]:
        return [each.applied[tool.name].seconds for each in rounds]

    def ratios(mine: Tool, other: Tool) -> Spread:
        pairs = zip(seconds(mine), seconds(other), strict=True)
        return Spread.of(ours / theirs for ours, theirs in pairs)

    each = [
        Figure(APPLY, f"{count}: {tool.name}", "s", Spread.of(seconds(tool)))
        for tool in field.tools
    ]
    against = [
        Figure(APPLY, f"{mine.name} / {other.name}", "x", ratios(mine, other), asked)
        for mine in field.ours
        for others, asked in (((field.floors[0],), FLOOR), (field.rivals, FASTER))
        for other in others
    ]
    processor = [
        Figure(
            APPLY,
            f"{mine.name}: processor time",
            "s",
            Spread.of(each.applied[mine.name].processor_seconds for each in rounds),
        )
        for mine in field.ours
    ]
    return [*each, *against, *processor]


def _nothing_left(field: Field, rounds: Sequence[Round]) -> list[Figure]:
    def figure(what: str, values: Iterable[float], asked: Asked | None = None) -> Figure:
        return Figure(NOTHING, what, "ms", Spread.of(1000 * value for value in values), asked)

    def pairs(name: str) -> list[tuple[Sample, Sample]]:
        return [pair for each in rounds for pair in each.nothing[name]]

    names = [tool.name for tool in field.tools if tool.keeps_ledger]
    return [
        figure(START, (bare.seconds for name in names for _, bare in pairs(name))),
        *(figure(name, (sample.seconds for sample, _ in pairs(name))) for name in names),
        figure(
            f"{PROGRAM} above {START}",
            (sample.seconds - bare.seconds for sample, bare in pairs(PROGRAM)),
            ABOVE_START,
        ),
    ]
