"""Feeling a server's pulse over one connection that stays open, with a time limit on every beat.

A new connection for each poll would fill the servers' logs. Each server has a thread of its own, so
that one that hangs delays no other; a thread that hangs is asked nothing more until it answers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from rfdata.config.load import Config, load
from rfdata.errors import RfdataError
from rfdata.model.facts import HealthRecord, Server
from rfdata.postgres.client import operator
from rfdata.redis.client import Refused, Session, managed, session
from rfdata.targets.native.site import Site

Beat = Callable[[], object]
"""Asks the server once. Raises an RfdataError or OSError when it does not answer well."""


class Pulse:
    """One server's pulse: `ask` begins a beat, `trouble` is what came of it."""

    def __init__(self, site: Site, server: Server) -> None:
        self._open = _opener(site, server)
        self._asked, self._answered = threading.Event(), threading.Event()
        self._answered.set()
        self._trouble = ""
        threading.Thread(target=self._work, daemon=True, name=f"pulse {server}").start()

    def ask(self) -> None:
        if self._answered.is_set():
            self._answered.clear()
            self._asked.set()

    def trouble(self, timeout: float) -> str:
        """Why the server isn't well; empty when it is."""
        if not self._answered.wait(timeout):
            return f"no answer within {timeout:g} s"
        return self._trouble

    def _work(self) -> None:
        while True:
            self._wait()
            try:
                self._beat_until_broken()
            except (RfdataError, OSError) as error:
                self._answer(str(error))

    def _beat_until_broken(self) -> None:
        """A connection that breaks between two beats is tried anew before anybody is told."""
        fresh = True
        while True:
            try:
                with self._open() as beat:
                    while True:
                        beat()
                        self._answer("")
                        fresh = False
                        self._wait()
            except (RfdataError, OSError):
                if fresh:
                    raise
                fresh = True

    def _wait(self) -> None:
        self._asked.wait()
        self._asked.clear()

    def _answer(self, trouble: str) -> None:
        self._trouble = trouble
        self._answered.set()


@dataclass(frozen=True, slots=True)
class Rules:
    """When a server counts as unhealthy."""

    retries: int
    """Failures in a row that a healthy server may have before it is not."""
    start_period: float
    """Seconds after its start in which failures don't count."""


def judged(
    before: HealthRecord | None, trouble: str, at: datetime, age: float, rules: Rules
) -> HealthRecord:
    """The record after one more poll; `age` is how long the server's process has run, in seconds.

    >>> from datetime import UTC
    >>> at, rules = datetime(2030, 1, 1, tzinfo=UTC), Rules(retries=2, start_period=30)
    >>> well = judged(None, "", at, 1, rules)
    >>> once = judged(well, "no answer", at, 99, rules)
    >>> twice = judged(once, "no answer", at, 99, rules)
    >>> well.healthy, once.healthy, twice.healthy, twice.failures_in_a_row
    (True, True, False, 2)
    >>> judged(None, "loading", at, 5, rules).failures_in_a_row
    0
    """
    if not trouble:
        return HealthRecord(healthy=True, checked_at=at, failures_in_a_row=0)
    was_healthy = before is not None and before.healthy
    failures = before.failures_in_a_row if before is not None else 0
    if age < rules.start_period and not was_healthy:
        return HealthRecord(healthy=False, checked_at=at, failures_in_a_row=failures)
    return HealthRecord(
        healthy=was_healthy and failures + 1 < rules.retries,
        checked_at=at,
        failures_in_a_row=failures + 1,
    )


def _opener(site: Site, server: Server) -> Callable[[], AbstractContextManager[Beat]]:
    if server == "postgres":
        return lambda: _postgres(site)
    return lambda: _redis(site, server)


@contextmanager
def _postgres(site: Site) -> Iterator[Beat]:
    place = site.place("postgres")
    timeout = site.config.settings.health.timeout
    with operator(site.layout.socket_folder, place.port, timeout=timeout) as connection:
        yield lambda: connection.execute("SELECT 1")


@contextmanager
def _redis(site: Site, server: Server) -> Iterator[Beat]:
    """As the monitor. When its password was changed since we started, the new one is in .env."""
    with ExitStack() as stack:
        try:
            line = stack.enter_context(_session(site, server, site.config))
        except Refused:
            fresh = replace(site.config, env=load(site.config.directory).env)
            line = stack.enter_context(_session(site, server, fresh))
        yield lambda: line.call("PING")


def _session(site: Site, server: Server, config: Config) -> AbstractContextManager[Session]:
    place = site.place(server)
    login = managed(config, server, place.host, place.port, "monitor")
    return session(login, config.settings.health.timeout)
