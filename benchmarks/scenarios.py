"""Each benchmark: what is measured, against whom, what was asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, contextmanager
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import testinfra
from benchmarks.by_hand import by_hand, initdb_arguments, make_ready
from benchmarks.deployment import RFDATA, Deployment, temporary
from benchmarks.figure import Asked, Figure
from benchmarks.measure import (
    MEGABYTE,
    MILLISECONDS,
    SECONDS,
    Sample,
    Spread,
    alternate,
    repeat,
    run,
)

CHEAP = 3
"""Runs of a process of a tenth of a second cost nothing: so many times as many are made."""


class Bench:
    """What the benchmarks share: how often to run, and one deployment that is up."""

    def __init__(self, runs: int, stack: ExitStack, say: Callable[[str], None]) -> None:
        self.runs = runs
        self.say = say
        self._stack = stack
        self._live: Deployment | None = None

    def live(self) -> Deployment:
        """A deployment that is up with nothing left to do; made when first asked for."""
        if self._live is None:
            self.say("bringing up a deployment")
            self._live = self._stack.enter_context(temporary())
            self._live.up()
        return self._live


@dataclass(frozen=True)
class Benchmark:
    name: str
    about: str
    """What is timed, and what the rival does not do: a paragraph of the page."""
    measure: Callable[[Bench], list[Figure]]


def help(bench: Bench) -> list[Figure]:
    pairs = alternate(
        CHEAP * bench.runs,
        lambda: run((RFDATA, "--help")),
        lambda: run((sys.executable, "-c", "pass")),
    )
    name = "help"
    return [
        Figure(name, "`rfdata --help`", "ms", times(ours(pairs), MILLISECONDS), Asked(150)),
        Figure(name, "`python -c pass`", "ms", times(theirs(pairs), MILLISECONDS)),
        Figure(name, "ratio", "x", ratios(pairs)),
        Figure(name, "peak memory", "MB", peaks(ours(pairs)), Asked(80)),
    ]


def up_cold(bench: Bench) -> list[Figure]:
    name = "up_cold"
    with TemporaryDirectory(prefix="rfdata-benchmark-") as folder:
        with temporary() as model:
            arguments = initdb_arguments(model)
            model.up()
            model.down()
            ready = make_ready(model, arguments, Path(folder))

        def rfdata() -> Sample:
            with temporary() as deployment:
                return deployment.up()

        def hand() -> Sample:
            with by_hand(ready) as sample:
                return sample

        pairs = alternate(bench.runs, rfdata, hand)
    return [
        Figure(name, "`rfdata up --yes`", "s", times(ours(pairs), SECONDS)),
        Figure(name, "by hand", "s", times(theirs(pairs), SECONDS)),
        Figure(name, "ratio", "x", ratios(pairs), Asked(1.5)),
        Figure(name, "peak memory", "MB", peaks(ours(pairs)), Asked(80)),
    ]


def up_noop(bench: Bench) -> list[Figure]:
    name = "up_noop"
    deployment = bench.live()
    samples = repeat(bench.runs, deployment.up)
    return [
        Figure(name, "`rfdata up --yes`", "s", times(samples, SECONDS), Asked(1)),
        Figure(name, "peak memory", "MB", peaks(samples), Asked(80)),
    ]


def verify(bench: Bench) -> list[Figure]:
    name = "verify"
    deployment = bench.live()
    samples = repeat(bench.runs, lambda: deployment.rfdata("verify"))
    return [
        Figure(name, "`rfdata verify`", "s", times(samples, SECONDS), Asked(2)),
        Figure(name, "peak memory", "MB", peaks(samples), Asked(80)),
    ]


def against_testinfra(bench: Bench) -> list[Figure]:
    name = "testinfra"
    deployment = bench.live()
    decided = testinfra.decided_checks(deployment)
    with suite(deployment) as rival:
        pairs = alternate(bench.runs, lambda: deployment.rfdata("verify"), rival.checks)
        starts = alternate(bench.runs, lambda: run((RFDATA, "--version")), rival.nothing)
    rates = [
        (mine.seconds / decided, other.seconds / testinfra.CHECKS) for mine, other in pairs
    ]
    begin, their_begin = times(ours(starts), SECONDS).middle, times(theirs(starts), SECONDS).middle
    bare = [
        (
            (mine.seconds - begin) / decided,
            (other.seconds - their_begin) / testinfra.CHECKS,
        )
        for mine, other in pairs
    ]
    return [
        Figure(name, f"`rfdata verify`, per check of {decided}", "ms", in_ms(r for r, _ in rates)),
        Figure(name, f"testinfra, per check of {testinfra.CHECKS}", "ms", in_ms(r for _, r in rates)),
        Figure(
            name,
            "times faster per check",
            "x",
            Spread.of(other / mine for mine, other in rates),
            Asked(10, at_least=True),
        ),
        Figure(
            name,
            "the same without the start of either program",
            "x",
            Spread.of(other / mine for mine, other in bare),
        ),
        Figure(name, "`rfdata verify`, whole", "s", times(ours(pairs), SECONDS)),
        Figure(name, "testinfra, whole", "s", times(theirs(pairs), SECONDS)),
    ]
