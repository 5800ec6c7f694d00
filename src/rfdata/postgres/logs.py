"""The server's log files: how large they are, and what went wrong since the server's last start."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from rfdata.errors import Unreachable
from rfdata.model.facts import LogFile, LogState

PATTERN = "postgresql-*.log"
READ_AT_MOST = 8 * 1024**2
"""Bytes from the end of the newest files: a log may be 50 MB, and verify has two seconds."""

MOST_ERRORS = 10

_START = b" LOG:  starting PostgreSQL "
_LINE = re.compile(
    rb"^\d{4}-\d\d-\d\d \S+ \S+ \[\d+\] (?P<state>[0-9A-Z]{5}) .*?(?:FATAL|PANIC):  (?P<text>.*)$",
    re.M,
)
_CLIENTS_OWN = re.compile(
    rb"28\w{3}"  # wrong passwords, no pg_hba.conf entry
    rb"|3D000"  # a database that doesn't exist
    rb"|08\w{3}"  # broken or nonsensical connections
    rb"|0A000"  # a protocol that we don't speak
    rb"|22023|42\w{3}"  # start-up options that nobody knows
    rb"|25P0[34]|57014"  # timeouts of its own session
    rb"|57P0[1345]"  # ended by the operator, or came before the server was ready
    rb"|00000"
)
"""SQLSTATE of sessions that ended through what the client did, or by the operator's will."""


def read(folder: Path) -> LogState:
    """Raises Unreachable where the folder can't be read."""
    try:
        files = sorted(folder.glob(PATTERN), key=lambda path: (path.stat().st_mtime_ns, path.name))
        sizes = tuple(LogFile(path.name, path.stat().st_size) for path in files)
        errors = _errors(files)
    except OSError as error:
        raise Unreachable(f"{folder}: {error.strerror}") from error
    if not files:
        raise Unreachable(f"{folder}: no {PATTERN} there")
    return LogState(sizes, errors)


def _errors(files: list[Path]) -> tuple[str, ...]:
    """The newest errors after the server's last start, oldest first."""
    found: list[str] = []
    for tail in _tails(files):
        start = tail.rfind(_START)
        recent = tail[start:] if start >= 0 else tail
        found = [_shown(match) for match in _LINE.finditer(recent) if _ours(match)] + found
        if start >= 0 or len(found) >= MOST_ERRORS:
            break
    return tuple(found[-MOST_ERRORS:])


def _tails(files: list[Path]) -> Iterator[bytes]:
    """The newest file's content first, READ_AT_MOST bytes of them all."""
    left = READ_AT_MOST
    for path in reversed(files):
        with open(path, "rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - left))
            content = stream.read(left)
        yield content
        left -= len(content)
        if left <= 0:
            return


def _ours(match: re.Match[bytes]) -> bool:
    return _CLIENTS_OWN.fullmatch(match["state"]) is None


def _shown(match: re.Match[bytes]) -> str:
    return match[0].decode(errors="replace").strip()
