"""CPU and memory limits through the kernel's control groups, version 2 or 1, where the host allows.

Every server gets a group of its own, `rfdata/<deployment>/<server>`, and is started inside it. A host
that allows no groups is no error: the fact `limits_possible` says so, and nothing is planned.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import sleep

from rfdata import files
from rfdata.errors import ChangeFailed, Unreachable
from rfdata.model.facts import Limits
from rfdata.targets.native.identity import PROC, Running, family

ROOT = "rfdata"
_PERIOD = 100_000
"""Microseconds, the kernel's own default period."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_UNLIMITED = 1 << 60
"""Bytes; version 1 prints "no limit" as the largest page-aligned number."""
_CONTROLLERS = ("cpu", "memory")


@dataclass(frozen=True, slots=True)
class Tree:
    """One mounted hierarchy of control groups."""

    version: int
    mount: Path
    root: str
    """What part of the hierarchy is mounted there; "/" is all of it."""
    controllers: frozenset[str]

    def folder(self, group: str) -> Path:
        """Where a group of /proc/PID/cgroup lies."""
        inside = group.removeprefix(self.root) if self.root != "/" else group
        return self.mount / inside.strip("/")


def possible() -> bool:
    """Whether we may set limits on this host."""
    return bool(_writable())


def settled(limits: Limits) -> Limits:
    """The limits as the kernel will read them back: whole pages, whole microseconds."""

    def pages(size: int | None) -> int | None:
        return None if size is None else size // _PAGE * _PAGE

    cpus = None if limits.cpus is None else round(limits.cpus * _PERIOD) / _PERIOD
    return Limits(cpus, pages(limits.memory), pages(limits.memory_reservation))


def prepare(identity: str, server: str, limits: Limits) -> tuple[Path, ...]:
    """Make a server's group with its limits; returns the `cgroup.procs` files to start it in.

    Empty where the host allows no limits.
    """
    folders = []
    for tree in _writable():
        folder = tree.mount / ROOT / identity / server
        try:
            _make(tree, folder)
            _set(tree, folder, limits)
        except OSError:
            continue
        folders.append(folder / "cgroup.procs")
    return tuple(folders)


def enforce(identity: str, server: str, process: Running, limits: Limits) -> None:
    """Limit a server that runs: set its group's limits and move the whole family into it."""
    groups = prepare(identity, server, limits)
    if not groups:
        raise ChangeFailed(
            f"{server}: this host let us make no control group",
            hint="run as root on the host itself, or under systemd",
        )
    for group in groups:
        for _ in range(2):  # a child that was born meanwhile is caught the second time
            for pid in family(process.pid):
                _join(group, pid)


def enforced(process: Running) -> Limits:
    """What the kernel enforces for a process now: the tightest of its groups up to the root."""
    try:
        text = (PROC / str(process.pid) / "cgroup").read_text(encoding="utf-8")
    except OSError as error:
        raise Unreachable(f"process {process.pid} has ended, or is hidden from us") from error
    cpus: list[float] = []
    memory: list[int] = []
    reserved: list[int] = []
    for tree, folder in _folders(text):
        for step in (folder, *folder.parents):
            if not step.is_relative_to(tree.mount):
                break
            cpus += _cpus(tree, step)
            memory += _bytes(
                step / ("memory.max" if tree.version == 2 else "memory.limit_in_bytes")
            )
        name = "memory.low" if tree.version == 2 else "memory.soft_limit_in_bytes"
        reserved += _bytes(folder / name)
    return Limits(
        min(cpus, default=None),
        min(memory, default=None),
        next((size for size in reserved if size), None),
    )


def release(identity: str, server: str) -> None:
    """Remove a stopped server's groups; one that is still in use stays."""
    for tree in trees():
        folder = tree.mount / ROOT / identity / server
        for step in (folder, folder.parent, folder.parent.parent):
            _remove(step)


def memory_limit() -> int | None:
    """Bytes that our own control group allows this very process, None without a limit."""
    return enforced(Running(os.getpid(), 0)).memory


def trees() -> Iterator[Tree]:
    for line in (PROC / "self" / "mountinfo").read_text(encoding="utf-8").splitlines():
        fields, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, mount = fields.split(" ")[3:5]
        place = Path(unescape(mount))
        if kind == "cgroup2":
            yield Tree(2, place, root, frozenset(_words(place / "cgroup.controllers")))
        elif kind == "cgroup":
            controllers = frozenset(options.rpartition(" ")[2].split(","))
            if controllers & set(_CONTROLLERS):
                yield Tree(1, place, root, controllers)


def _writable() -> tuple[Tree, ...]:
    """The hierarchies in which we may make groups, or none unless both controllers are there."""
    usable = tuple(tree for tree in trees() if _usable(tree))
    found = {name for tree in usable for name in tree.controllers}
    return usable if found.issuperset(_CONTROLLERS) else ()


def _usable(tree: Tree) -> bool:
    if not tree.controllers.intersection(_CONTROLLERS) or not os.access(tree.mount, os.W_OK):
        return False
    if os.statvfs(tree.mount).f_flag & os.ST_RDONLY:
        return False
    if tree.version == 1:
        return True
    # A group that is not the hierarchy's own root can't have both processes and limited children.
    enabled = set(_words(tree.mount / "cgroup.subtree_control")).issuperset(_CONTROLLERS)
    is_root = not (tree.mount / "cgroup.type").exists()
    return enabled or is_root or not _words(tree.mount / "cgroup.procs")


def _make(tree: Tree, folder: Path) -> None:
    for step in (folder.parent.parent, folder.parent, folder):
        if tree.version == 2:
            for name in tree.controllers.intersection(_CONTROLLERS):
                _put(step.parent / "cgroup.subtree_control", f"+{name}")
        files.make_directory(step)


def _set(tree: Tree, folder: Path, limits: Limits) -> None:
    def number(value: int | None, none: str) -> str:
        return none if value is None else str(value)

    quota = None if limits.cpus is None else round(limits.cpus * _PERIOD)
    if tree.version == 2:
        _put(folder / "cpu.max", f"{number(quota, 'max')} {_PERIOD}")
        _put(folder / "memory.max", number(limits.memory, "max"))
        _put(folder / "memory.low", number(limits.memory_reservation, "0"))
        return
    if "cpu" in tree.controllers:
        _put(folder / "cpu.cfs_period_us", str(_PERIOD))
        _put(folder / "cpu.cfs_quota_us", number(quota, "-1"))
    if "memory" in tree.controllers:
        _put(folder / "memory.limit_in_bytes", number(limits.memory, "-1"))
        _put(folder / "memory.soft_limit_in_bytes", number(limits.memory_reservation, "-1"))


def _folders(text: str) -> Iterator[tuple[Tree, Path]]:
    """The folder of each hierarchy's group that a /proc/PID/cgroup names."""
    groups: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, group = line.split(":", 2)
        groups |= dict.fromkeys(controllers.split(","), group)
    for tree in trees():
        key = "" if tree.version == 2 else next(iter(tree.controllers & groups.keys()), None)
        if key is not None and key in groups:
            yield tree, tree.folder(groups[key])


def _cpus(tree: Tree, folder: Path) -> list[float]:
    if tree.version == 2:
        quota = _words(folder / "cpu.max")
    else:
        quota = _words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us")
    if len(quota) != 2 or not re.fullmatch(r"\d+", quota[0]):
        return []
    return [int(quota[0]) / int(quota[1])]


def _bytes(path: Path) -> list[int]:
    return [int(w) for w in _words(path) if w.isdigit() and int(w) < _UNLIMITED]


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []


def _put(path: Path, value: str) -> None:
    """Control files are no files: each takes one write, and nothing may be renamed over them."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    """A group is in use for a moment after its last process has ended."""
    for _ in range(100):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if any(child.is_dir() for child in folder.iterdir()):
                return
            sleep(0.01)


def _join(group: Path, pid: int) -> None:
    try:
        _put(group, str(pid))
    except ProcessLookupError:
        return
    except OSError as error:
        raise ChangeFailed(
            f"{group}: the kernel refuses process {pid}: {error.strerror}",
            hint="look at the limits of the groups above it",
        ) from error


def unescape(text: str) -> str:
    """Mount points hold octal escapes for spaces and the like.

    >>> unescape("/my\\\\040disk")
    '/my disk'
    """
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
