"""Who listens where, from the kernel's own tables."""

from __future__ import annotations

import os
import socket
from contextlib import closing

import pytest

from rfdata.targets.native import ports


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_a_listening_socket_is_found_with_its_process(family: int, address: str) -> None:
    with closing(socket.socket(family)) as server:
        try:
            server.bind((address, 0))
        except OSError:
            pytest.skip(f"no {address} on this host")
        server.listen()
        port = server.getsockname()[1]
        (found,) = ports.listeners([port], [os.getpid()])
        assert (found.address, found.port, found.process) == (address, port, os.getpid())
        assert ports.listeners([port], [])[0].process is None
        holder = ports.holder(port)
        assert holder is not None
        assert f"process {os.getpid()}" in holder
    assert ports.listeners([port], [os.getpid()]) == ()
    assert ports.holder(port) is None


def test_a_connection_is_no_listener() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert ports.holder(client.getsockname()[1]) is None
