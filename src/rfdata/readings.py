"""Taking many readings at once, each within a time limit, none of them able to hang or break us."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, TypeVar

from rfdata.errors import NotPermitted, RfdataError
from rfdata.model.fact import Fact, FactUnread, now, read, unread

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Reading(Generic[R]):
    """One fact to read: its path in `Facts`, where it is read, and how."""

    path: str
    read_from: str
    take: Callable[[R], Any]
    """Raises an RfdataError or OSError when it can't be read."""


@dataclass(frozen=True, slots=True)
class Chain(Generic[R]):
    """Readings that share one resource (a connection) and therefore run one after another."""

    open: Callable[[], AbstractContextManager[R]]
    readings: tuple[Reading[R], ...]


def single(path: str, read_from: str, take: Callable[[], Any]) -> Chain[None]:
    """A chain of one reading that needs nothing opened."""
    return Chain(nullcontext, (Reading(path, read_from, lambda _: take()),))


def together(chains: Sequence[Chain[None]]) -> Chain[None]:
    """One chain of several that open nothing and can't hang: files, tables of the kernel."""
    return Chain(nullcontext, tuple(reading for chain in chains for reading in chain.readings))


def take(chains: Sequence[Chain[Any]], timeout: float) -> Mapping[str, Fact[Any]]:
    """Run every chain in a thread of its own; a chain has `timeout` seconds, then its rest is unread.

    A thread that hangs is left behind (it is a daemon thread) and what it still reads is ignored.
    """
    runs = [_Run(chain) for chain in chains]
    for run in runs:
        run.thread.start()
    deadline = monotonic() + timeout
    found: dict[str, Fact[Any]] = {}
    for run in runs:
        run.thread.join(max(0.0, deadline - monotonic()))
        found |= run.collect(timeout)
    return found


class _Run:
    """One chain at work. Only its own thread adds to `found`; the collector takes a copy."""

    def __init__(self, chain: Chain[Any]) -> None:
        self.chain = chain
        self.started = now()
        self.found: dict[str, Fact[Any]] = {}
        self.thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        try:
            with self.chain.open() as resource:
                for reading in self.chain.readings:
                    self.found[reading.path] = self._take(reading, resource)
        except Exception as error:  # noqa: BLE001 - the barrier: what can't be read becomes unknown
            for reading in self.chain.readings:
                self.found.setdefault(
                    reading.path, unread(explain(error), reading.read_from, self.started)
                )

    def _take(self, reading: Reading[Any], resource: Any) -> Fact[Any]:
        started = now()
        try:
            content = reading.take(resource)
        except Exception as error:  # noqa: BLE001 - the barrier: one bad reading spoils no other
            denied = isinstance(error, NotPermitted)
            return unread(explain(error), reading.read_from, started, denied=denied)
        if content is None:
            return unread("there was no answer", reading.read_from, started)
        return read(content, reading.read_from, started)

    def collect(self, timeout: float) -> dict[str, Fact[Any]]:
        found = dict(self.found)
        late = f"not read within {timeout:g} s"
        for reading in self.chain.readings:
            found.setdefault(reading.path, unread(late, reading.read_from, self.started))
        return found


def explain(error: Exception) -> str:
    """One line of why a reading failed."""
    text = " ".join(str(error).split())
    if text and isinstance(error, RfdataError | FactUnread):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
