"""Readings of the machine where the servers run: processes, disks, limits, listeners, the watch."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from rfdata.errors import Unreachable
from rfdata.model.fact import Fact
from rfdata.model.facts import SERVERS, Disk, FileState, HostFacts, Limits, Process, Server
from rfdata.readings import Chain, single, together
from rfdata.secrets import Secret
from rfdata.targets.base import Desired
from rfdata.targets.deployment import file_state
from rfdata.targets.native import identity, limits, ports, systemd, watch
from rfdata.targets.native.claim import CLUSTER_MARK
from rfdata.targets.native.identity import PROC
from rfdata.targets.native.layout import Home
from rfdata.targets.native.site import Site
from rfdata.tls.authority import CA_CERTIFICATE, CA_KEY


def chains(site: Site, wanted: Desired) -> list[Chain[Any]]:
    """Every reading of HostFacts, and the state of every file that `wanted` names."""
    places, config = site.layout, site.config
    of_each: dict[str, tuple[Callable[[Server], str], Callable[[Server], Any]]] = {
        "programs": (lambda _: "the programs' own files", site.programs.described),
        "disks": (lambda s: f"statvfs {places.home(s).data}", lambda s: disk(places.home(s).data)),
    }
    quick: dict[str, tuple[Callable[[Server], str], Callable[[Server], Any]]] = {
        "processes": (_where_process(site), lambda server: _process(site, server)),
        "data": (lambda s: str(places.home(s).data), lambda s: _data(places.home(s))),
        "limits": (lambda _: "the process's control groups", lambda s: _limits(site, s)),
    }
    return [
        together(
            [
                single("host.cpus", "sched_getaffinity", lambda: len(os.sched_getaffinity(0))),
                single("host.memory", "/proc/meminfo and our control group", _memory),
                single("host.users", "the system's users", lambda: _users(places.servers_users)),
                single(
                    "host.limits_possible", "/proc/self/mountinfo", lambda: _limits_possible(site)
                ),
                *_of_each(quick),
            ]
        ),
        single("host.listeners", "/proc/net/tcp and tcp6", lambda: _listeners(site)),
        single("host.watch", str(watch.health_file(places)), lambda: watch.read(config)),
        single("deployment.files", str(places.state), lambda: _files(site, wanted)),
        *_of_each(of_each),
    ]


def _of_each(
    readings: Mapping[str, tuple[Callable[[Server], str], Callable[[Server], Any]]],
) -> list[Chain[None]]:
    return [
        single(f"host.{name}.{server}", where(server), _bound(take, server))
        for name, (where, take) in readings.items()
        for server in SERVERS
    ]


def build(found: Mapping[str, Fact[Any]]) -> HostFacts:
    """The readings of `chains` as facts."""

    def each(name: str) -> dict[Server, Fact[Any]]:
        return {server: found[f"host.{name}.{server}"] for server in SERVERS}

    return HostFacts(
        cpus=found["host.cpus"],
        memory=found["host.memory"],
        users=found["host.users"],
        programs=each("programs"),
        processes=each("processes"),
        data=each("data"),
        disks=each("disks"),
        limits=each("limits"),
        limits_possible=found["host.limits_possible"],
        listeners=found["host.listeners"],
        watch=found["host.watch"],
    )


def _data(home: Home) -> FileState:
    """A server's data folder; PostgreSQL's is there only once initdb has made it."""
    if home.server == "postgres" and not (home.data / CLUSTER_MARK).exists():
        return FileState(exists=False)
    return file_state(home.data)


def disk(folder: Path) -> Disk:
    """The file system that holds a folder, or that will once it is made."""
    there = folder
    while not there.exists():
        there = there.parent
    space = os.statvfs(there)
    device, kind = _mounted(there)
    return Disk(device, kind, space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize)


def user_exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def group_exists(group: str) -> bool:
    try:
        grp.getgrnam(group)
    except KeyError:
        return False
    return True


def _mounted(path: Path) -> tuple[str, str]:
    """Device and type of the mount that a path lies on: the longest mount point wins, then the last."""
    real = Path(os.path.realpath(path))
    best: tuple[int, str, str] = (-1, "", "")
    for line in (PROC / "self" / "mountinfo").read_text(encoding="utf-8").splitlines():
        fields, _, after = line.partition(" - ")
        mount = Path(limits.unescape(fields.split(" ")[4]))
        kind, device = after.split(" ")[:2]
        if real.is_relative_to(mount) and len(mount.parts) >= best[0]:
            best = (len(mount.parts), limits.unescape(device), kind)
    return best[1], best[2]


def _bound(take: Callable[[Server], Any], server: Server) -> Callable[[], Any]:
    return lambda: take(server)


def _where_process(site: Site) -> Callable[[Server], str]:
    return lambda server: f"{site.layout.home(server).pid_file} and /proc"


def _process(site: Site, server: Server) -> Process | Literal["stopped"]:
    process = identity.running(site.layout.home(server))
    if process is None:
        return "stopped"
    try:
        return identity.describe(process)
    except ProcessLookupError:
        return "stopped"


def _limits(site: Site, server: Server) -> Limits:
    process = identity.running(site.layout.home(server))
    if process is None:
        raise Unreachable(f"{server} does not run")
    return limits.enforced(process)


def _limits_possible(site: Site) -> bool:
    return systemd.limits_hold() if systemd.in_charge(site.config) else limits.possible()


def _listeners(site: Site) -> Any:
    running = [identity.running(home) for home in site.layout.homes]
    numbers = [site.place(server).port for server in SERVERS]
    return ports.listeners(numbers, [process.pid for process in running if process])


def _memory() -> int:
    """What this machine has, or our own control group allows, whichever is less."""
    lines = (PROC / "meminfo").read_text(encoding="ascii").splitlines()
    total = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:"))
    return min(total, limits.memory_limit() or total)


def _users(wanted: tuple[str, ...]) -> frozenset[str]:
    return frozenset(user for user in wanted if user_exists(user))


def _files(site: Site, wanted: Desired) -> dict[str, FileState]:
    """By path. The words of a file that holds a secret are never read into a fact."""
    folder = site.config.directory / "certs"
    found = {str(path): file_state(path) for path in (folder / CA_CERTIFICATE, folder / CA_KEY)}
    found |= {str(each.path): file_state(each.path) for each in wanted.folders}
    for file in (*wanted.files, *wanted.data_files):
        secret = isinstance(file.content, Secret)
        found[str(file.path)] = file_state(file.path, content=True, text=not secret)
    return found
