"""Who listens on which TCP port of this machine, from /proc/net."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rfdata.config.load import Config
from rfdata.errors import UsageError
from rfdata.model.facts import Listener
from rfdata.targets.native.identity import PROC, program

_LISTENING = "0A"
_FIRST_FREE = PROC / "sys/net/ipv4/ip_unprivileged_port_start"
_PRIVILEGED = 1024


@dataclass(frozen=True, slots=True)
class _Socket:
    address: str
    port: int
    inode: str


def listeners(ports: Iterable[int], processes: Iterable[int]) -> tuple[Listener, ...]:
    """Every listening socket of these ports; its process where it is one of `processes`."""
    wanted = frozenset(ports)
    found = [socket for socket in _sockets() if socket.port in wanted]
    holders = _holders(processes) if found else {}
    return tuple(
        sorted(
            (Listener(s.address, s.port, holders.get(s.inode)) for s in found),
            key=lambda each: (each.port, each.address),
        )
    )


def holder(port: int) -> str | None:
    """Who listens on a port, in words for a person; None when it is free."""
    inodes = {socket.inode for socket in _sockets() if socket.port == port}
    if not inodes:
        return None
    everyone = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    found = {pid for inode, pid in _holders(everyone).items() if inode in inodes}
    if not found:
        return "a program of another user"
    first = min(found)
    return f"{_called(first)} (process {first})"


def _called(pid: int) -> str:
    """What a process calls itself: Debian's redis-server is a link to another program's file."""
    try:
        title = (PROC / str(pid) / "cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "a program"
    words = title.replace("\0", " ").split()
    return Path(words[0]).name.rstrip(":") if words else program(pid) or "a program"


def may_use_privileged() -> bool:
    """Whether a server may listen below 1024. Root doesn't help: its servers run as other users."""
    return first_allowed() < _PRIVILEGED


def first_allowed() -> int:
    """The lowest port that an ordinary user may listen on."""
    try:
        return int(_FIRST_FREE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return _PRIVILEGED


def require_allowed(config: Config) -> None:
    """Raise UsageError for a configured port that the servers' users may not listen on."""
    settings, lowest = config.settings, first_allowed()
    wanted = {
        "postgres.port": settings.postgres.port,
        "redis.port": settings.redis.port,
        "redis_durable.port": settings.redis_durable.port,
    }
    for key, port in wanted.items():
        if port < lowest:
            raise UsageError(
                f"rfdata.toml: {key}: {port} needs a right that the servers' users lack",
                hint=f"choose a port from {lowest} up",
            )


def _sockets() -> Iterator[_Socket]:
    for name in ("tcp", "tcp6"):
        try:
            lines = (PROC / "net" / name).read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:  # a kernel without IPv6
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING:
                address, port = fields[1].split(":")
                yield _Socket(_address(address), int(port, 16), fields[9])


def _address(text: str) -> str:
    """The kernel prints addresses as 32-bit words of this machine's byte order.

    >>> import sys
    >>> _address("0100007F" if sys.byteorder == "little" else "7F000001")
    '127.0.0.1'
    """
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return str(ipaddress.ip_address(packed))


def _holders(processes: Iterable[int]) -> Mapping[str, int]:
    """Inode of each socket that one of these processes has open -> the lowest such process."""
    found: dict[str, int] = {}
    for pid in sorted(processes, reverse=True):
        for descriptor in _descriptors(PROC / str(pid) / "fd"):
            if descriptor.startswith("socket:["):
                found[descriptor[8:-1]] = pid
    return found


def _descriptors(folder: Path) -> Iterator[str]:
    """What each open descriptor of a process leads to; nothing of one that has ended or is hidden."""
    try:
        for link in folder.iterdir():
            with suppress(OSError):
                yield str(link.readlink())
    except OSError:
        return
