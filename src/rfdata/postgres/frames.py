"""How messages of PostgreSQL's protocol are framed, for those who speak it by hand.

Only `socket` and `struct` are needed: whoever is in a hurry imports nothing else.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping

PROTOCOL = 196608
"""Version 3.0."""


def start_up(parameters: Mapping[str, str]) -> bytes:
    """The first message: who wants in, and where."""
    pairs = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items())
    body = struct.pack("!i", PROTOCOL) + pairs + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def framed(kind: bytes, body: bytes) -> bytes:
    """Any later message."""
    return kind + struct.pack("!i", len(body) + 4) + body


def message(stream: socket.socket, longest: int) -> tuple[bytes, bytes]:
    """The next message's kind and content.

    Raises ValueError for what is no message or longer than `longest` bytes, and ConnectionResetError
    where the server hangs up.
    """
    head = _exactly(stream, 5)
    length = struct.unpack("!i", head[1:])[0]
    if not 4 <= length <= longest:
        raise ValueError("no message of PostgreSQL's")
    return head[:1], _exactly(stream, length - 4)


def _exactly(stream: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        part = stream.recv(size - len(found))
        if not part:
            raise ConnectionResetError("the server closed the connection without a word")
        found += part
    return bytes(found)
