"""`python -m benchmarks [NAME…] [--runs N]`."""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import ExitStack
from types import FrameType

from benchmarks import machine, page
from benchmarks.figure import Figure
from benchmarks.measure import INTERRUPTIONS, BenchmarkError
from benchmarks.scenarios import BENCHMARKS, Bench, Benchmark

FEWEST = 5
INTERRUPTED = 130


def main() -> int:
    chosen, runs = _arguments()
    for number in INTERRUPTIONS:
        signal.signal(number, _interrupt)
    found = machine.look()
    if found.load > found.cores / 2:
        _say(f"others are at work (load {found.load:g} on {found.cores} cores): times will be long")
    figures: list[Figure] = []
    try:
        with ExitStack() as stack:
            bench = Bench(runs, stack, _say)
            for benchmark in chosen:
                _say(f"{benchmark.name}: {runs} runs")
                figures += benchmark.measure(bench)
    except BenchmarkError as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("interrupted; what was started is stopped and removed")
        return INTERRUPTED
    print(page.table(figures))
    print(f"\n{page.write_json(found, figures)}")
    if len(chosen) == len(BENCHMARKS):
        print(page.write_page(found, BENCHMARKS, figures))
    return 0 if all(figure.met is not False for figure in figures) else 1


def _arguments() -> tuple[tuple[Benchmark, ...], int]:
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what the issue asks of speed and size. All of them rewrite the measured "
        "part of docs/benchmarks.md.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(names)}; none: all")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help=f"{FEWEST} or more")
    given = parser.parse_args()
    if unknown := set(given.names) - set(names):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    if given.runs < FEWEST:
        parser.error(f"--runs {given.runs}: {FEWEST} or more, else a median means nothing")
    chosen = tuple(b for b in BENCHMARKS if not given.names or b.name in given.names)
    return chosen, given.runs


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal calls it
    """The first one ends the measuring; no further one disturbs the clearing up."""
    for each in INTERRUPTIONS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
