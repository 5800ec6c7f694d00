"""What a Redis server's log says of its last start, read in pieces from the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rfdata.model.facts import LogFile, LogState

PATTERN = "redis.log*"
"""The server's own log and its rotated forerunners."""
ERRORS_SHOWN = 10
_START = b" Redis is starting oO0OoO0OoO0Oo"
_BLOCK = 256 * 1024
_BUDGET = 16 * 1024 * 1024
"""Bytes that are looked at, from the newest backwards."""
_LINE_LIMIT = 400
_LOUD_MARK = b" # "
_LOUD = re.compile(r"\d+:[MC] .*? # (?P<text>.*)")
"""`PID:ROLE DAY MONTH YEAR TIME # TEXT`: level # is a warning; M is the server, C its child."""
_NO_ERROR = re.compile(
    "|".join(
        (
            # Said at every start and stop.
            "oO0OoO0OoO0Oo",
            "Redis version=",
            "Configuration loaded",
            "Server initialized",
            "User requested shutdown",
            "Redis is now ready to exit",
            "systemd supervision",
            "supervised by systemd",
            # What a client did wrong, our own probes among them.
            "Error accepting a client connection",
            "Possible SECURITY ATTACK",
            # Advice on the host's kernel, which the host's own checks judge.
            "WARNING:? .*overcommit",
            "WARNING:? .*TCP backlog",
            "WARNING:? .*Transparent Huge Pages",
            # A stop that was asked for, and an eviction of a greedy client.
            "Received SIGTERM",
            "Received SIGINT",
            "Evicting client",
            "overcoming of output buffer limits",
        )
    )
)


def state(folder: Path) -> LogState:
    """The folder's files with their sizes, and what went wrong since the server last started."""
    found = tuple(sorted(_own(folder), key=lambda path: path.stat().st_mtime, reverse=True))
    sizes = tuple(LogFile(path.name, path.stat().st_size) for path in found)
    return LogState(sizes, tuple(_errors(found)))


def _own(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob(PATTERN) if path.is_file())


def _errors(files: tuple[Path, ...]) -> list[str]:
    """At most ten complaints since the last start; where that is out of reach, since the budget."""
    found: list[str] = []
    for path, start in reversed(_since_start(files)):
        for line in _lines(path, start):
            match = _LOUD.match(line)
            if match is not None and not _NO_ERROR.search(match["text"]):
                found.append(line[:_LINE_LIMIT])
                if len(found) == ERRORS_SHOWN:
                    return found
    return found


def _since_start(files: tuple[Path, ...]) -> list[tuple[Path, int]]:
    """The files to read and from where, newest first: back to the one with the last start."""
    places: list[tuple[Path, int]] = []
    budget = _BUDGET
    for path in files:
        if path.suffix == ".gz" or budget <= 0:
            break
        size = path.stat().st_size
        start = _last_start(path, size, budget)
        places.append((path, start if start is not None else max(0, size - budget)))
        if start is not None:
            break
        budget -= size
    return places


def _last_start(path: Path, size: int, budget: int) -> int | None:
    """Where the line of the last start begins; None when it isn't within the budget."""
    overlap = len(_START) + 64
    with path.open("rb") as stream:
        end = size
        while end > max(0, size - budget):
            begin = max(0, end - _BLOCK)
            stream.seek(begin)
            block = stream.read(end - begin)
            at = block.rfind(_START)
            if at >= 0:
                return begin + block.rfind(b"\n", 0, at) + 1
            if begin == 0:
                return None
            end = begin + overlap
    return None


def _lines(path: Path, start: int) -> Iterator[str]:
    """Lines that may be of level #."""
    with path.open("rb") as stream:
        stream.seek(start)
        while line := stream.readline(64 * 1024):
            if _LOUD_MARK in line:
                yield line.decode(errors="replace").rstrip("\n")
