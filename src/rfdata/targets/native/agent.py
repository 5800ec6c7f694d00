"""The watch where no systemd runs: one small process that polls, restarts, rotates and writes it down.

It sleeps until the next poll is due or the kernel says that a server died. What has to run is in
`wanted.json`; whoever stops servers on purpose takes them out of it first, and a server is only
started under its lock, so the agent never works against `up` or `down`.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import select
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from time import monotonic, sleep, time

from rfdata import files
from rfdata.config.load import Config, load
from rfdata.errors import RfdataError
from rfdata.model.fact import now
from rfdata.model.facts import SERVERS, HealthRecord, Server
from rfdata.targets.native import identity, rotation, systemd, watch
from rfdata.targets.native.layout import Layout
from rfdata.targets.native.layout import layout as places_of
from rfdata.targets.native.processes import revive
from rfdata.targets.native.programs import Programs
from rfdata.targets.native.pulse import Pulse, Rules, beat, judged
from rfdata.targets.native.site import Site

LOG_SIZE = 1_000_000
LOCK_PATIENCE = 1.0
BUSY_PAUSE = 1.0
"""Seconds until a server that someone else works on is looked at again."""
LONGEST_PAUSE = 60.0
STEADY = 60.0
"""Seconds that a restarted server has to last before its next death counts as the first again."""

_log = logging.getLogger("rfdata.agent")


def run_agent(config: Config) -> None:
    """Watch until SIGTERM; returns at once when another agent watches already."""
    places = places_of(config)
    with _Wake() as wake, _only_one(config, places) as chosen:
        if chosen:
            with _logging(places.agent / "agent.log"):
                _Agent(config, places, wake).run()


@dataclass
class _Revival:
    """How often a server was started again lately, and when it may be the next time."""

    attempts: int = 0
    not_before: float = 0.0
    total: int = 0

    def count(self, moment: float) -> None:
        """The first at once, then after 1, 2, 4 … 60 seconds."""
        self.total += 1
        self.not_before = moment + min(LONGEST_PAUSE, 2.0**self.attempts)
        self.attempts += 1

    def settle(self, moment: float) -> None:
        if self.attempts and moment - self.not_before > STEADY:
            self.attempts = 0


class _Wake:
    """Sleeping that ends early: at a signal, or when a server's process ends."""

    def __init__(self) -> None:
        self.stopping = False
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)

    def __enter__(self) -> _Wake:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.set_wakeup_fd(self._theirs.fileno())
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        self._ours.close()
        self._theirs.close()

    def sleep(self, seconds: float, processes: list[identity.Running]) -> bool:
        """Sleep; True when a process ended meanwhile."""
        poll = select.poll()
        poll.register(self._ours, select.POLLIN)
        handles = list(_handles(processes))
        try:
            for handle in handles:
                poll.register(handle, select.POLLIN)
            woken = [] if self.stopping else poll.poll(max(0.0, seconds) * 1000)
            return any(descriptor in handles for descriptor, _ in woken)
        finally:
            for handle in handles:
                os.close(handle)

    def _stop(self, *_: object) -> None:
        self.stopping = True


class _Agent:
    def __init__(self, config: Config, places: Layout, wake: _Wake) -> None:
        self.config, self.places, self.wake = config, places, wake
        self.site = Site(config, places, Programs(config))
        self.rules = Rules(config.settings.health.retries, config.settings.health.start_period)
        self.records: dict[Server, HealthRecord] = {}
        self.pulses = {server: Pulse(beat(self.site, server)) for server in SERVERS}
        self.revivals = {server: _Revival() for server in SERVERS}
        self.restarts = not systemd.in_charge(config)

    def run(self) -> None:
        _log.info("watching %s (process %d)", self.places.deployment, os.getpid())
        due = monotonic()
        while not self.wake.stopping and watch.lock_file(self.places).exists():
            try:
                if monotonic() >= due:
                    due = monotonic() + self.config.settings.health.interval
                    self._poll()
                    self._rotate()
                pause = self._revive()
            except Exception:  # noqa: BLE001 - the barrier: a watch that dies of a bug watches nothing
                _log.exception("this round failed; going on")
                pause = BUSY_PAUSE
            self._sleep(min(due - monotonic(), pause))
        _log.info("stopped")

    def _sleep(self, seconds: float) -> None:
        alive = [found for home in self.places.homes if (found := identity.running(home))]
        self.wake.sleep(seconds, alive)
        with suppress(ChildProcessError):  # servers that we started are our children
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass

    def _poll(self) -> None:
        wanted = watch.wanted(self.places)
        running = {server: identity.running(self.places.home(server)) for server in SERVERS}
        for server, pulse in self.pulses.items():
            if running[server] is not None:
                pulse.ask()
        deadline = monotonic() + self.config.settings.health.timeout
        for server, pulse in self.pulses.items():
            process = running[server]
            if process is None and server not in wanted:
                self.records.pop(server, None)
                continue
            trouble = (
                "it does not run"
                if process is None
                else pulse.trouble(max(0.0, deadline - monotonic()))
            )
            age = time() - identity.started_at(process).timestamp() if process else 0.0
            self._record(server, trouble, age)
        self._write()

    def _record(self, server: Server, trouble: str, age: float) -> None:
        before = self.records.get(server)
        after = judged(before, trouble, now(), age, self.rules)
        if trouble and after.failures_in_a_row in (1, self.rules.retries):
            _log.warning("%s: %s (%d in a row)", server, trouble, after.failures_in_a_row)
        if before is not None and after.healthy and before.failures_in_a_row:
            _log.info("%s answers again", server)
        self.records[server] = after

    def _write(self) -> None:
        servers = {
            server: {
                "healthy": record.healthy,
                "checked_at": record.checked_at.isoformat(),
                "failures_in_a_row": record.failures_in_a_row,
                "restarts": self.revivals[server].total,
            }
            for server, record in self.records.items()
        }
        text = json.dumps({"servers": servers}, indent=1) + "\n"
        files.write(watch.health_file(self.places), text, mode=0o600)

    def _revive(self) -> float:
        """Start what died; returns after how many seconds to look again."""
        pause = LONGEST_PAUSE
        if not self.restarts:
            return pause
        for server in watch.wanted(self.places):
            revival, moment = self.revivals[server], monotonic()
            if identity.running(self.places.home(server)) is not None:
                revival.settle(moment)
                continue
            if moment >= revival.not_before:
                self._try_revive(server, revival)
            pause = min(pause, max(BUSY_PAUSE, revival.not_before - moment))
        return pause

    def _try_revive(self, server: Server, revival: _Revival) -> None:
        site = Site(self.config, self.places, Programs(self.config))
        try:
            if revive(site, server, lambda: server in watch.wanted(self.places), _log.info):
                revival.count(monotonic())
                _log.warning("%s had died and was started again", server)
        except (RfdataError, OSError) as error:
            revival.count(monotonic())
            _log.error("%s could not be started: %s", server, error)

    def _rotate(self) -> None:
        settings = self.config.settings
        logs = {
            "postgres": settings.postgres.log,
            "redis": settings.redis.log,
            "redis-durable": settings.redis_durable.log,
        }
        for home in self.places.homes:
            limit = logs[home.server]
            if home.server == "postgres":
                rotation.prune(home.log, home.log_pattern, limit.max_files)
            elif rotation.rotate(home.log / "redis.log", limit.max_size, limit.max_files):
                _log.info("%s: log rotated", home.server)


@contextmanager
def _only_one(config: Config, places: Layout) -> Iterator[bool]:
    """Hold the agent's lock with our papers in it; False when another agent has it.

    A reader may hold it for an instant, so it is tried for a while.
    """
    descriptor = os.open(watch.lock_file(places), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with open(descriptor, "r+", encoding="utf-8") as stream:
        deadline = monotonic() + LOCK_PATIENCE
        while not _locked(descriptor):
            if monotonic() > deadline:
                yield False
                return
            sleep(0.02)
        files.remove(watch.health_file(places))
        stream.truncate()
        stream.write(json.dumps(asdict(watch.papers(config))))
        stream.flush()
        yield True


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _logging(path: Path) -> Iterator[None]:
    handler = RotatingFileHandler(path, maxBytes=LOG_SIZE, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    try:
        yield
    finally:
        _log.removeHandler(handler)
        handler.close()


def _handles(processes: list[identity.Running]) -> Iterator[int]:
    for process in processes:
        with suppress(OSError):  # it ended, or this sandbox has no pidfds: the next poll finds out
            yield os.pidfd_open(process.pid)


def main() -> None:
    """`python -m rfdata.targets.native.agent DIRECTORY`: how `up` starts the agent."""
    try:
        run_agent(load(Path(sys.argv[1])))
    except RfdataError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
