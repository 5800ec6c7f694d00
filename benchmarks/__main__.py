"""`python -m benchmarks [NAME…] [--runs N] [--quick]`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import FrameType

from benchmarks import machine, page
from benchmarks.figure import Figure
from benchmarks.machine import Machine
from benchmarks.measure import INTERRUPTIONS, BenchmarkError
from benchmarks.scenarios import BENCHMARKS, PARTS, Bench, Benchmark

FEWEST = 5
INTERRUPTED = 130


def main() -> int:
    chosen, runs, quick = _arguments()
    for number in INTERRUPTIONS:
        signal.signal(number, _interrupt)
    found = machine.look()
    if found.load > found.cores / 2:
        _say(f"others are at work (load {found.load:g} on {found.cores} cores): times will be long")
    figures: dict[str, list[Figure]] = {}
    try:
        with ExitStack() as stack:
            bench = Bench(runs, stack, _say, quick=quick)
            for benchmark in chosen:
                _say(f"{benchmark.name}: {runs} runs")
                figures[benchmark.name] = benchmark.measure(bench)
    except BenchmarkError as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("interrupted; what was started is stopped and removed")
        return INTERRUPTED
    everything = [figure for each in figures.values() for figure in each]
    print(page.table(everything))
    if not quick:
        _write(found, figures)
    return 0 if all(figure.met is not False for figure in everything) else 1


def _write(found: Machine, figures: Mapping[str, Sequence[Figure]]) -> None:
    """What was measured whole; half a part says nothing of that machine."""
    for part in PARTS:
        names = [benchmark.name for benchmark in part.benchmarks]
        if all(name in figures for name in names):
            own = [figure for name in names for figure in figures[name]]
            print("\n".join(map(str, page.write(part, found, own))))


def _arguments() -> tuple[tuple[Benchmark, ...], int, bool]:
    known = {part.name: part.benchmarks for part in PARTS}
    known |= {benchmark.name: (benchmark,) for benchmark in BENCHMARKS}
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what the issues ask of speed and size. A part that is measured whole "
        "rewrites its section of docs/benchmarks.md.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(known)}; none: all")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help=f"{FEWEST} or more")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, to try it; writes nothing"
    )
    given = parser.parse_args()
    if unknown := set(given.names) - set(known):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    fewest = 1 if given.quick else FEWEST
    if given.runs < fewest:
        parser.error(f"--runs {given.runs}: {fewest} or more, else a median means nothing")
    wanted = {benchmark.name for name in given.names or known for benchmark in known[name]}
    chosen = tuple(benchmark for benchmark in BENCHMARKS if benchmark.name in wanted)
    return chosen, given.runs, given.quick


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal calls it
    """The first one ends the measuring; no further one disturbs the clearing up."""
    for each in INTERRUPTIONS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
