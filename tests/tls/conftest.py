"""A CA, and TLS servers of Python's own `ssl`, so that what our clients do meets a real OpenSSL."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from rfdata.files import Owner
from rfdata.tls import authority

NAMES = ("localhost", "127.0.0.1", "::1")
Greet = Callable[[socket.socket], bool]
"""What happens before TLS; False ends the connection there."""


@dataclass(frozen=True)
class Place:
    """A CA's folder and a server's."""

    ca: Path
    tls: Path

    @property
    def ca_file(self) -> Path:
        return self.ca / "ca.crt"

    @property
    def current(self) -> Path:
        return self.tls / "current"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "certs", tmp_path / "tls")
    made.ca.mkdir()
    made.tls.mkdir()
    authority.issue_authority(made.ca, 100, "tests", 1)
    authority.issue_certificate(made.ca, made.tls, NAMES, 10, Owner())
    return made


@contextmanager
def serving(context: ssl.SSLContext | None, greet: Greet | None = None) -> Iterator[int]:
    """A server that greets, does a handshake and hangs up; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as held:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    line, _ = server.accept()
                    held.enter_context(line)
                    line.settimeout(5)
                    with suppress(OSError):
                        if greet is not None and not greet(line):
                            line.close()
                        elif context is not None:
                            context.wrap_socket(line, server_side=True).close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def server_context(place: Place) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place.current / "server.crt", place.current / "server.key")
    return context
