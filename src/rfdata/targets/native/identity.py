"""Who runs: a server is its pid file together with what the kernel says of that process.

Names never count: any process may be called "postgres". A process is ours when the pid file in our
folder names it and it works in our data folder.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from os.path import samestat
from pathlib import Path
from time import monotonic, sleep

from rfdata.model.facts import Process
from rfdata.shell import Command, run
from rfdata.targets.deployment import user_name
from rfdata.targets.native.layout import Home

PROC = Path("/proc")
POLL = 0.01
"""Seconds between two looks at a process that should end."""
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Running:
    """One process, for as long as it lives: the kernel may give its pid to another afterwards."""

    pid: int
    ticks: int
    """When it started, in clock ticks since the boot."""

    @property
    def alive(self) -> bool:
        return started(self.pid) == self.ticks


def running(home: Home) -> Running | None:
    """The server of this home, or None: no pid file, a stale one, or one that names a stranger."""
    pid = recorded_pid(home.pid_file)
    ticks = started(pid) if pid is not None else None
    if pid is None or ticks is None or not _at_work((pid,), home):
        return None
    return Running(pid, ticks)


def recorded_pid(pid_file: Path) -> int | None:
    """The process that a pid file names, whoever that may be by now."""
    try:
        line = pid_file.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return int(line) if line.isdecimal() and int(line) > 1 else None


def names_a_process(pid_file: Path) -> bool:
    """Whether a pid file names any process there is: also a stranger, or a corpse not yet collected."""
    pid = recorded_pid(pid_file)
    return pid is not None and _stat(pid) is not None


def leftovers(home: Home) -> tuple[int, ...]:
    """Processes that work in the data folder, whether or not the server itself still lives.

    After a kill -9 a PostgreSQL backend may live on for a moment; a new server beside it would
    ruin the data. A person's shell that stands in the folder doesn't count.
    """
    return tuple(
        pid
        for pid in _at_work(_pids(), home)
        if (program(pid) or home.server).startswith(("postgres", "redis"))
        and started(pid) is not None
    )


def started(pid: int) -> int | None:
    """Start time in clock ticks since the boot; None for what is dead, zombies included.

    A process of which only the first thread has ended still holds its ports and locks: it lives.
    """
    fields = _stat(pid)
    if fields is None or (fields[0] in ("Z", "X") and int(fields[17]) <= 1):
        return None
    return int(fields[19])


def program(pid: int) -> str | None:
    """The base name of the file that it executes, also where that file was replaced since."""
    path = executable(pid)
    return Path(path).name if path is not None else None


def executable(pid: int) -> str | None:
    try:
        return str((PROC / str(pid) / "exe").readlink()).removesuffix(" (deleted)")
    except OSError:
        return None


def send(process: Running, number: signal.Signals) -> None:
    """Signal exactly this process: nobody who got its pid since is hit."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    except OSError:  # a sandbox without pidfds: the next best
        if process.alive:
            os.kill(process.pid, number)
        return
    try:
        if process.alive:
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def wait_until_gone(process: Running, timeout: float) -> bool:
    deadline = monotonic() + timeout
    while process.alive:
        if monotonic() > deadline:
            return False
        sleep(POLL)
    return True


def describe(process: Running) -> Process:
    """The process as a fact. Raises ProcessLookupError when it ended meanwhile."""
    owner = _owner(process.pid)
    if owner is None:
        raise ProcessLookupError(f"process {process.pid} has ended")
    return Process(
        pid=process.pid,
        started_at=started_at(process),
        program=executable(process.pid) or "",
        user=owner,
        resident_bytes=resident(process.pid),
    )


def started_at(process: Running) -> datetime:
    return datetime.fromtimestamp(int(_boot_time() + process.ticks / _TICKS), UTC)


def resident(pid: int) -> int:
    """Bytes that a process and its descendants hold; memory that they share counts once."""
    own = shared = 0
    for member in family(pid):
        try:
            fields = (PROC / str(member) / "statm").read_text(encoding="ascii").split()
        except OSError:
            continue
        own += int(fields[1]) - int(fields[2])
        shared = max(shared, int(fields[2]))
    return (own + shared) * _PAGE


def family(pid: int) -> tuple[int, ...]:
    """A process and its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for other in _pids():
        fields = _stat(other)
        if fields is not None:
            children.setdefault(int(fields[1]), []).append(other)
    found = [pid]
    for member in found:
        found += children.get(member, ())
    return tuple(found)


def _at_work(pids: Iterable[int], home: Home) -> list[int]:
    """Those of these processes that work in the home's data folder."""
    try:
        data = home.data.stat()
    except FileNotFoundError:
        return []
    found, hidden = [], []
    for pid in pids:
        try:
            if samestat((PROC / str(pid) / "cwd").stat(), data):
                found.append(pid)
        except PermissionError:
            hidden.append(pid)
        except OSError:
            continue  # it has ended
    return found + _asked_as_owner(hidden, data, home.user)


def _asked_as_owner(pids: list[int], data: os.stat_result, user: str) -> list[int]:
    """The same for processes that are hidden from us: root without CAP_SYS_PTRACE, as in containers.

    Their own user sees them.
    """
    if not pids or os.geteuid() != 0:
        return []
    links = [f"{PROC}/{pid}/cwd" for pid in pids if _owner(pid) == user]
    if not links:
        return []
    argv = ("stat", "--dereference", "--format=%d %i %n", *links)
    lines = run(Command(argv, user=user, cwd=Path("/")), check=False).stdout.splitlines()
    here = f"{data.st_dev} {data.st_ino} "
    return [int(line.split("/")[2]) for line in lines if line.startswith(here)]


def _owner(pid: int) -> str | None:
    try:
        return user_name((PROC / str(pid)).stat().st_uid)
    except FileNotFoundError:
        return None


def _boot_time() -> int:
    """Seconds since the epoch; the same at every look, unlike now minus the uptime."""
    with open(PROC / "stat", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("btime "))


def _pids() -> Iterator[int]:
    with os.scandir(PROC) as entries:
        for entry in entries:
            if entry.name.isdigit():
                yield int(entry.name)


def _stat(pid: int) -> list[str] | None:
    """/proc/PID/stat from the state on; the name before it may hold anything, so it is cut off."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()
