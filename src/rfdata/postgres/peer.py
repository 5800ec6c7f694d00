"""One query over the unix socket, spoken by hand: for the call that only finds out that there is
nothing to do, where importing a whole client library would be most of the time.

Only the standard library is imported here. Nothing is sent but the query: the server knows us by
our system user (peer), and whoever needs more than rows of text takes `client`.
"""

from __future__ import annotations

import socket
import struct

from rfdata.errors import Unreachable
from rfdata.postgres.frames import framed, message, start_up

Row = tuple[str | None, ...]

_LONGEST = 1 << 28
"""Bytes of one message."""


def ask(path: str, user: str, database: str, query: str, timeout: float) -> list[Row]:
    """The rows of one query as text. `path` is the socket itself.

    Raises Unreachable for everything else than an answer, a wish for a password included.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(timeout)
            stream.connect(path)
            stream.sendall(
                start_up({"user": user, "database": database, "client_encoding": "UTF8"})
            )
            _until_ready(stream)
            stream.sendall(framed(b"Q", query.encode() + b"\0"))
            return _until_ready(stream)
    except (OSError, struct.error, ValueError, IndexError) as error:
        raise Unreachable(f"{path}: {error}") from error


def _until_ready(stream: socket.socket) -> list[Row]:
    """The rows among the server's messages, up to ReadyForQuery."""
    found: list[Row] = []
    while True:
        kind, body = message(stream, _LONGEST)
        if kind == b"D":
            found.append(_row(body))
        elif kind == b"Z":
            return found
        elif kind == b"E" or (kind == b"R" and body != b"\0\0\0\0"):
            raise ValueError("the server refused, or wants a password")


def _row(body: bytes) -> Row:
    (count,) = struct.unpack_from("!h", body)
    values: list[str | None] = []
    at = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if length < 0 else body[at : at + length].decode())
        at += max(length, 0)
    return tuple(values)
