"""Starting and stopping the servers. Each of it may be done twice, by two at once, or be cut short.

Whoever starts or stops a server holds its lock, so that `up`, `down` and the agent never do it at
the same time; the kernel gives the lock back when its holder dies. What runs is told by `identity`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

from rfdata import files
from rfdata.errors import ChangeFailed, Unreachable, UsageError
from rfdata.files import Owner
from rfdata.model.facts import Server
from rfdata.redis.client import Refused, managed, session
from rfdata.shell import Command, run
from rfdata.shell import start as start_detached
from rfdata.targets.base import Progress
from rfdata.targets.native import claim, identity, limits, ports, systemd
from rfdata.targets.native.identity import Running
from rfdata.targets.native.layout import Home, Layout
from rfdata.targets.native.site import Site

POLL = 0.02
LOCK_PATIENCE = 120.0
LEFTOVER_PATIENCE = 15.0
STOP_PATIENCE: dict[Server, float] = {"postgres": 600.0, "redis": 120.0, "redis-durable": 120.0}
"""Seconds. A fast stop of PostgreSQL writes a checkpoint first; nothing is ever cut short."""
ERROR_LINES = 12

_WRAPPER = """\
ulimit -c 0
umask 077
if [ "$1" != - ]; then { echo "$1" > /proc/self/oom_score_adj; } 2>/dev/null || :; fi
shift
while [ "$1" != -- ]; do { echo $$ > "$1"; } 2>/dev/null || :; shift; done
shift
exec "$@"
"""
"""sh, before it becomes the server: no core dumps (they would hold secrets), into the control groups
while still root, then on as the program. What a host doesn't allow is left out."""
_OOM = {"postgres": "-900", "redis": "-", "redis-durable": "-"}
"""When memory runs out, one backend may die, not the parent of all."""


def start(site: Site, server: Server, progress: Progress) -> None:
    """Start a server unless it runs, and wait until it answers."""
    home = site.layout.home(server)
    with changing(home, f"start {server}"):
        _start(site, home, progress)


def stop(site: Site, server: Server, progress: Progress) -> bool:
    """Stop a server without losing anything that it acknowledged; whether it ran."""
    home = site.layout.home(server)
    with changing(home, f"stop {server}"):
        return _stop(site, home, progress)


def restart(site: Site, server: Server, progress: Progress) -> None:
    home = site.layout.home(server)
    with changing(home, f"restart {server}"):
        _stop(site, home, progress)
        _start(site, home, progress)


def answers(site: Site, home: Home) -> bool:
    """Whether the server takes clients: past recovery or loading, not merely alive."""
    if home.server == "postgres":
        lines = _pid_file_lines(home)
        return len(lines) > 7 and lines[7].strip() in ("ready", "standby")
    place = site.place(home.server)
    login = managed(site.config, home.server, place.host, place.port, "admin")
    try:
        with session(login, site.config.settings.health.timeout) as connection:
            connection.call("PING")
    except Refused as refused:
        return "LOADING" not in refused.message and "loading" not in refused.message
    except Unreachable:
        return False
    return True


def revive(site: Site, server: Server, wanted: Callable[[], bool], progress: Progress) -> bool:
    """Start a server that died, unless it runs, isn't wanted (any more), or someone is at it.

    Returns once its process is there: whether it answers is for the next health poll.
    """
    home = site.layout.home(server)
    with ExitStack() as stack:
        try:
            stack.enter_context(changing(home, f"revive {server}", patience=0))
        except UsageError:
            return False
        if not wanted() or identity.running(home) is not None:
            return False
        _start(site, home, progress, wait=False)
        return True


@contextmanager
def changing(home: Home, purpose: str, patience: float = LOCK_PATIENCE) -> Iterator[None]:
    """Hold the right to start or stop this server; wait while someone else has it."""
    deadline = monotonic() + patience
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(files.lock(home.lock, purpose=purpose))
                break
            except UsageError:
                if monotonic() > deadline:
                    raise
                sleep(POLL)
        yield


def server_command(layout: Layout, server: Server, program: str) -> tuple[str, ...]:
    """The program and its arguments; nothing secret is among them."""
    home = layout.home(server)
    if server == "postgres":
        return (program, "-D", str(home.data))
    return (program, str(home.conf / "redis.conf"))


def last_words(home: Home, lines: int = ERROR_LINES) -> str:
    """The end of what the server said last, in its own log or before it had one."""
    logs = [home.startup_log, *home.log.glob(home.log_pattern)]
    newest = max(
        (path for path in logs if path.is_file() and path.stat().st_size),
        key=lambda path: path.stat().st_mtime_ns,
        default=None,
    )
    if newest is None:
        return "(it wrote nothing)"
    with open(newest, "rb") as stream:
        stream.seek(max(0, newest.stat().st_size - 16_384))
        text = stream.read().decode(errors="replace")
    return "\n".join([f"the end of {newest}:", *text.splitlines()[-lines:]])


def _start(site: Site, home: Home, progress: Progress, *, wait: bool = True) -> None:
    """Start unless it runs, then wait until it answers, or without `wait` until its process is there."""
    health = site.config.settings.health
    deadline = monotonic() + health.start_period + health.interval * health.retries
    started = None
    if not _cleared(site, home, progress):
        started = _launch(site, home)
    told = monotonic() + 1
    while not ((found := identity.running(home)) and (not wait or answers(site, home))):
        if found is None and _died(site, home, started):
            raise _failure(site, home, last_words(home))
        if monotonic() > deadline:
            raise ChangeFailed(
                f"{home.server} does not answer yet; {last_words(home)}",
                hint="after a crash it may need longer to read its log: it goes on doing so; "
                "run `rfdata up` again later",
            )
        if monotonic() > told:
            progress(f"waiting until {home.server} answers")
            told = deadline
        sleep(POLL)


def _launch(site: Site, home: Home) -> int | None:
    """Set the server going; returns its process where that is known at once."""
    if systemd.in_charge(site.config):
        systemd.install(site.config)
        systemd.control(site.config, "start", home.server)
        return None
    program = str(site.programs.program(home.server))
    groups = limits.prepare(site.layout.identity, home.server, site.limits(home.server))
    command = Command(
        (*_wrapped(home, groups), *server_command(site.layout, home.server, program)),
        env=_OOM_ENVIRONMENT if home.server == "postgres" else {},
        cwd=home.data,
    )
    if home.server == "postgres":
        claim.make_socket_folder(site.layout)
        files.remove(home.startup_log)
        return start_detached(command, output=home.startup_log)
    done = run(command, check=False)
    if done.code != 0:
        raise _failure(site, home, done.tail)
    return None


_OOM_ENVIRONMENT = {
    "PG_OOM_ADJUST_FILE": "/proc/self/oom_score_adj",
    "PG_OOM_ADJUST_VALUE": "0",
}


def _wrapped(home: Home, groups: tuple[Path, ...]) -> tuple[str, ...]:
    root = os.geteuid() == 0
    drop = ("setpriv", f"--reuid={home.user}", f"--regid={Owner.named(home.user).gid}")
    as_user = (*drop, "--init-groups", "--no-new-privs", "--") if root else ()
    score = _OOM[home.server] if root else "-"
    return ("/bin/sh", "-c", _WRAPPER, "rfdata", score, *map(str, groups), "--", *as_user)


def _cleared(site: Site, home: Home, progress: Progress) -> bool:
    """See to what a killed server left behind; True when the server turns out to run.

    Processes of it that still live must end first: a second server beside them would ruin the data.
    Or they are one that an interrupted `up` has just set going.

    PostgreSQL refuses to start while one of its pid files names any process of its user, be it a
    stranger or a corpse; only such a file is removed, everything else it judges itself.
    """
    deadline = monotonic() + LEFTOVER_PATIENCE
    while identity.running(home) is None:
        left = identity.leftovers(home)
        if not left:
            for file in _pid_files(site, home):
                if identity.names_a_process(file):
                    files.remove(file)
            return False
        if monotonic() > deadline:
            numbers = " ".join(map(str, left))
            raise ChangeFailed(
                f"{home.server} was killed, but processes of it still work on its data: {numbers}",
                hint=f"end them (kill {numbers}), then run `rfdata up` again",
            )
        progress(f"waiting for what a killed {home.server} left behind")
        sleep(POLL)
    return True


def _pid_files(site: Site, home: Home) -> tuple[Path, ...]:
    """What PostgreSQL looks into before it starts; Redis simply overwrites its own."""
    if home.server != "postgres":
        return ()
    port = site.config.settings.postgres.port
    return (home.pid_file, site.layout.socket_folder / f".s.PGSQL.{port}.lock")


def _died(site: Site, home: Home, started: int | None) -> bool:
    """Whether a server that is not there yet will never be."""
    if systemd.in_charge(site.config):
        return systemd.failed(site.config, home.server)
    if started is not None:
        return identity.started(started) is None
    return not identity.leftovers(home)


def _stop(site: Site, home: Home, progress: Progress) -> bool:
    process = identity.running(home)
    if systemd.in_charge(site.config) and systemd.installed(site.config, home.server):
        systemd.control(site.config, "stop", home.server)
    if process is None:
        limits.release(site.layout.identity, home.server)
        return False
    identity.send(process, signal.SIGINT if home.server == "postgres" else signal.SIGTERM)
    if not identity.wait_until_gone(process, 1.0):
        progress(f"waiting until {home.server} has written everything to the disk")
        _wait_for_end(home, process)
    limits.release(site.layout.identity, home.server)
    return True


def _wait_for_end(home: Home, process: Running) -> None:
    if not identity.wait_until_gone(process, STOP_PATIENCE[home.server]):
        raise ChangeFailed(
            f"{home.server} (process {process.pid}) is still stopping; {last_words(home)}",
            hint="a large checkpoint takes its time: run the same command again later",
        )


def _pid_file_lines(home: Home) -> list[str]:
    try:
        return home.pid_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _failure(site: Site, home: Home, words: str) -> ChangeFailed:
    """What went wrong in the server's own words, and what to do about it."""
    port = site.place(home.server).port
    hint = "mend what its log says, then run `rfdata up` again"
    if (holder := ports.holder(port)) is not None:
        hint = f"port {port} is taken by {holder}: stop it, or change the port in rfdata.toml"
    elif "No space left" in words:
        hint = "the disk is full: make room, then run `rfdata up` again"
    return ChangeFailed(f"{home.server} did not start; {words}", hint=hint)
