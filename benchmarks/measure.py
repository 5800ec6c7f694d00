"""Whole processes, timed from start to end, and what many runs of them say."""

from __future__ import annotations

import os
import select
import signal
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

LIMIT = 120.0
"""Seconds that any one process may take."""
ENDING = 60.0
"""Seconds that an interrupted one has to leave things in order."""
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MEGABYTE = 1_000_000
"""The smaller of the two meanings, so that a figure in it holds for both."""


class BenchmarkError(Exception):
    """A benchmark that can't say anything: what it would measure did not work."""


@dataclass(frozen=True)
class Sample:
    """One process, run to its end."""

    seconds: float
    processor_seconds: float
    """Of the process and the children that it waited for: hardly changed by who else is at work."""
    peak_bytes: int
    """Resident memory at its highest, of the process or the largest of its children."""
    output: str


@dataclass(frozen=True)
class Spread:
    """Many runs in three numbers."""

    low: float
    middle: float
    high: float
    runs: int

    @staticmethod
    def of(values: Iterable[float]) -> Spread:
        """
        >>> Spread.of([3, 1, 2])
        Spread(low=1, middle=2, high=3, runs=3)
        """
        found = list(values)
        return Spread(min(found), statistics.median(found), max(found), len(found))


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    accept: Sequence[int] = (0,),
) -> Sample:
    """Run a program and wait until it ends; its output goes to a file, so a pipe can't slow it.

    An interruption (Ctrl-C, a time-out) is handed on to the program, which then has time to end.
    """
    with tempfile.TemporaryFile() as output:
        started = perf_counter()
        process = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=None if env is None else dict(env),
            cwd=cwd,
            process_group=0,
        )
        try:
            if not _ended(process.pid, LIMIT):
                raise BenchmarkError(f"{_words(argv)}: not done after {LIMIT:g} s")
            _, status, usage = os.wait4(process.pid, 0)
            seconds = perf_counter() - started
        except BaseException:
            _interrupt(process)
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode not in accept:
        tail = "\n".join(text.splitlines()[-15:])
        raise BenchmarkError(f"{_words(argv)}: ended with {process.returncode}:\n{tail}")
    return Sample(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text)


def repeat(runs: int, once: Callable[[], Sample]) -> list[Sample]:
    """A warm-up that doesn't count, then so many runs."""
    once()
    return [once() for _ in range(runs)]


def alternate(
    runs: int, ours: Callable[[], Sample], theirs: Callable[[], Sample]
) -> list[tuple[Sample, Sample]]:
    """Pairs, one after the other in turn, so that both meet the same machine; one warm-up each."""
    ours()
    theirs()
    return [(ours(), theirs()) for _ in range(runs)]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Clear up to the end: an interruption meanwhile waits until that is done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTIONS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def own_peak() -> int:
    """Bytes that this process held at its highest.

    The kernel counts them to every program that it starts, so no figure of memory can be below.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise BenchmarkError("/proc/self/status has no VmHWM")


def _ended(pid: int, seconds: float) -> bool:
    handle = os.pidfd_open(pid)
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            continue
        return


def _words(argv: Sequence[str | Path]) -> str:
    return " ".join(str(word) for word in argv[:4])
