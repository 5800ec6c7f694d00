"""Starting, stopping and reading whoever watches the servers: the agent, under systemd as its unit.

The held lock is the agent's identity: the kernel gives it back however its holder dies. What the
agent runs with (program version, settings) lies in the lock file, so that a plan sees when it is old.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import rfdata
from rfdata import files
from rfdata.config.load import Config
from rfdata.errors import ChangeFailed
from rfdata.model.facts import SERVERS, HealthRecord, Server, Watch
from rfdata.shell import Command
from rfdata.shell import start as start_detached
from rfdata.targets.native import identity, systemd
from rfdata.targets.native.identity import PROC, Running
from rfdata.targets.native.layout import Layout, layout

PART = "agent"
_POLL = 0.02
_START_PATIENCE = 15.0
_STOP_PATIENCE = 30.0
_FIRST_POLL_PATIENCE = 3.0


@dataclass(frozen=True)
class Papers:
    """What an agent says of itself in its lock file."""

    pid: int
    version: str
    digest: str
    interval: float
    timeout: float
    retries: int
    start_period: float


def lock_file(places: Layout) -> Path:
    return places.agent / "lock"


def health_file(places: Layout) -> Path:
    return places.agent / "health.json"


def papers(config: Config) -> Papers:
    """The papers of an agent that would start now."""
    health = config.settings.health
    return Papers(
        pid=os.getpid(),
        version=rfdata.__version__,
        digest=config.digest,
        interval=health.interval,
        timeout=health.timeout,
        retries=health.retries,
        start_period=health.start_period,
    )


def command(config: Config) -> tuple[str, ...]:
    """The agent as a program: this Python, without anything that the environment could slip in."""
    return (sys.executable, "-I", "-m", "rfdata.targets.native.agent", str(config.directory))


def _environment() -> dict[str, str]:
    """What leads to the same programs that we found ourselves; nothing else of ours."""
    names = ("PATH", "HOME", "XDG_DATA_HOME")
    return {name: os.environ[name] for name in names if name in os.environ}


def start(config: Config) -> None:
    """Let the servers be watched by an agent of this version with these settings."""
    places = layout(config)
    set_wanted(places, SERVERS)
    stop(config)
    log = places.agent / "agent-start.log"
    if systemd.in_charge(config):
        systemd.install(config)
        systemd.control(config, "restart", PART)
    else:
        files.remove(log)
        start_detached(Command(command(config), env=_environment(), cwd=places.agent), output=log)
    deadline = monotonic() + _START_PATIENCE
    while not _up_to_date(config, running(places)):
        if monotonic() > deadline:
            said = log.read_text(errors="replace").strip() if log.exists() else ""
            raise ChangeFailed(
                f"the agent did not start: {said or 'it says nothing'}",
                hint=f"look at {places.agent / 'agent.log'}, then run `rfdata up` again",
            )
        sleep(_POLL)


def stop(config: Config) -> bool:
    """Stop the agent; the servers stay as they are. Returns whether one was running."""
    places = layout(config)
    if systemd.in_charge(config) and systemd.installed(config, PART):
        systemd.control(config, "stop", PART)
    deadline = monotonic() + _STOP_PATIENCE
    was_running = False
    while (found := running(places)) is not None:
        if monotonic() > deadline:
            raise ChangeFailed(
                f"the agent (process {found.pid}) does not end",
                hint=f"look at {places.agent / 'agent.log'}; as a last resort kill {found.pid}",
            )
        if not was_running and (holder := _holder(places, found.pid)) is not None:
            identity.send(holder, signal.SIGTERM)
            was_running = True
        sleep(_POLL)
    return was_running


def running(places: Layout) -> Papers | None:
    """The papers of the agent that holds the lock; None when nobody holds it.

    An agent that has taken the lock this instant and not written yet counts with empty papers.
    """
    try:
        descriptor = os.open(lock_file(places), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        # A shared lock for an instant: readers don't disturb each other, and a starting agent
        # tries more than once.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _parse(lock_file(places))
    else:
        return None
    finally:
        os.close(descriptor)


def set_wanted(places: Layout, servers: Iterable[Server]) -> None:
    """Say which servers have to run: what died of them is started again."""
    text = json.dumps({"servers": list(servers)}) + "\n"
    files.write(places.agent / "wanted.json", text, mode=0o600)


def wanted(places: Layout) -> frozenset[Server]:
    found = _json(places.agent / "wanted.json").get("servers")
    names = found if isinstance(found, list) else []
    return frozenset(server for server in SERVERS if server in names)


def read(config: Config) -> Watch:
    """Who watches, with which settings, and what was seen last."""
    places = layout(config)
    found = running(places)
    by_systemd = systemd.in_charge(config)
    shown = found or papers(config)
    records = _first_health(places) if found is not None else health(places)
    newest = max((record.checked_at for record in records.values()), default=None)
    survives = by_systemd and systemd.survives_reboot(config)
    return Watch(
        by="nobody" if found is None else ("systemd" if by_systemd else "agent"),
        alive=found is not None and not _stuck(shown, newest),
        survives_reboot=survives,
        interval=shown.interval,
        timeout=shown.timeout,
        retries=shown.retries,
        start_period=shown.start_period,
        health=records,
        current=_up_to_date(config, found)
        and wanted(places) == frozenset(SERVERS)
        and survives == by_systemd,
    )


def _first_health(places: Layout) -> dict[str, HealthRecord]:
    """An agent that was started this moment has not polled yet: it gets a little time."""
    deadline = monotonic() + _FIRST_POLL_PATIENCE
    while not health_file(places).exists() and monotonic() < deadline:
        sleep(_POLL)
    return health(places)


def health(places: Layout) -> dict[str, HealthRecord]:
    """What the agent wrote last; nothing where it never did."""
    servers = _json(health_file(places)).get("servers")
    return {
        name: HealthRecord(
            healthy=bool(entry["healthy"]),
            checked_at=datetime.fromisoformat(entry["checked_at"]),
            failures_in_a_row=int(entry["failures_in_a_row"]),
        )
        for name, entry in (servers or {}).items()
    }


def _up_to_date(config: Config, found: Papers | None) -> bool:
    now = papers(config)
    return found is not None and (found.version, found.digest) == (now.version, now.digest)


def _stuck(shown: Papers, newest: datetime | None) -> bool:
    """An agent that polls no more watches nothing, whatever lock it holds."""
    if newest is None:
        return False
    silence = (datetime.now(UTC) - newest).total_seconds()
    return silence > 3 * (shown.interval + shown.timeout) + 30


def _holder(places: Layout, pid: int) -> Running | None:
    """The process that has the lock file open: only such a one is ours to signal."""
    lock = lock_file(places).stat()
    ticks = identity.started(pid) if pid > 1 else None
    if ticks is None:
        return None
    for descriptor in (PROC / str(pid) / "fd").iterdir():
        try:
            found = descriptor.stat()
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (lock.st_dev, lock.st_ino):
            return Running(pid, ticks)
    return None


def _parse(path: Path) -> Papers:
    try:
        return Papers(**_json(path))
    except TypeError:
        return Papers(0, "", "", 0, 0, 0, 0)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
