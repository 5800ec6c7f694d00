"""Feeling a server's pulse: in, one question, out, as a service would, with a time limit.

A connection that stays open would tell too little: its backend answers on while nobody new gets in.
Each server is asked in a thread of its own, so that one that hangs delays no other; while a thread
hangs, its server is asked nothing more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Thread

from rfdata.config.load import load
from rfdata.errors import RfdataError
from rfdata.model.facts import HealthRecord, Server
from rfdata.postgres.client import operator
from rfdata.redis.client import Refused, managed, session
from rfdata.targets.native.site import Site

Beat = Callable[[], object]
"""Asks the server once. Raises an RfdataError or OSError when it does not answer well."""


class Pulse:
    """One server's pulse: `ask` begins a beat, `trouble` is what came of it."""

    def __init__(self, beat: Beat) -> None:
        self._beat = beat
        self._thread = Thread()
        self._trouble = ""

    def ask(self) -> None:
        if not self._thread.is_alive():
            self._trouble = ""
            self._thread = Thread(target=self._work, daemon=True)
            self._thread.start()

    def trouble(self, timeout: float) -> str:
        """Why the server isn't well; empty when it is."""
        self._thread.join(timeout)
        return "no answer in time" if self._thread.is_alive() else self._trouble

    def _work(self) -> None:
        try:
            self._beat()
        except (RfdataError, OSError) as error:
            self._trouble = str(error)


def beat(site: Site, server: Server) -> Beat:
    """The question for a server: SELECT 1 as the operator, or PING as the monitor."""
    return (lambda: _postgres(site)) if server == "postgres" else (lambda: _redis(site, server))


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


def _postgres(site: Site) -> None:
    timeout = site.config.settings.health.timeout
    port = site.config.settings.postgres.port
    with operator(site.layout.socket_folder, port, timeout=timeout) as connection:
        connection.execute("SELECT 1")


def _redis(site: Site, server: Server) -> None:
    """When the monitor's password was changed since we started, the new one is in .env."""
    try:
        _ping(site, server)
    except Refused:
        fresh = replace(site.config, env=load(site.config.directory).env)
        _ping(replace(site, config=fresh), server)


def _ping(site: Site, server: Server) -> None:
    login = managed(site.config, server, *site.address(server), "monitor")
    with session(login, site.config.settings.health.timeout) as line:
        line.call("PING")
