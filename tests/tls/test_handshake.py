"""Offers to real TLS servers: who refuses, and that silence is no refusal."""

from __future__ import annotations

import socket
import ssl
import struct
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.tls.conftest import Place, server_context, serving

from rfdata.errors import Unreachable
from rfdata.tls import authority, handshake

HOST = "127.0.0.1"
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def answering(answer: bytes) -> Callable[[socket.socket], bool]:
    """PostgreSQL's side of an SSLRequest."""

    def greet(line: socket.socket) -> bool:
        assert line.recv(8) == SSL_REQUEST
        line.sendall(answer)
        return answer == b"S"

    return greet


def old_context(place: Place) -> ssl.SSLContext:
    context = server_context(place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def test_our_own_ca_is_trusted(place: Place) -> None:
    with serving(server_context(place)) as port:
        found = handshake.offer(HOST, port, handshake.trusting(place.ca_file), 2)
    assert found.accepted
    assert found.version == "TLSv1.3"
    assert found.milliseconds > 0


def test_a_stranger_turns_the_server_down(place: Place) -> None:
    with serving(server_context(place)) as port:
        found = handshake.offer(HOST, port, handshake.trusting_stranger(), 2)
    assert found.refused_by == "client"
    assert "turned the certificate down" in found.detail


def test_another_ca_of_the_same_name_turns_it_down(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    authority.issue_authority(other, 10, "tests", 1)
    with serving(server_context(place)) as port:
        found = handshake.offer(HOST, port, handshake.trusting(other / "ca.crt"), 2)
    assert found.refused_by == "client"


def test_the_name_counts(place: Place) -> None:
    with serving(server_context(place)) as port:
        context = handshake.trusting(place.ca_file)
        assert handshake.offer("localhost", port, context, 2).accepted
        found = handshake.offer("127.0.0.1", port, context, 2)
    assert found.accepted


def test_the_system_is_trusted_where_no_ca_is_named(place: Place) -> None:
    with serving(server_context(place)) as port:
        assert handshake.offer(HOST, port, handshake.trusting(None), 2).refused_by == "client"


def test_old_tls_is_refused_by_the_servers_alert(place: Place) -> None:
    with serving(server_context(place)) as port:
        found = handshake.offer_tls11(HOST, port, 2)
    assert found.refused_by == "server"
    assert found.detail == "the server's alert: protocol_version"


def test_old_tls_is_found_where_a_server_takes_it(place: Place) -> None:
    with serving(old_context(place)) as port:
        found = handshake.offer_tls11(HOST, port, 2)
    assert found.accepted
    assert found.version == "TLSv1.1"


def test_an_alert_in_a_full_handshake_is_the_servers(place: Place) -> None:
    context = server_context(place)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    client = handshake.trusting(place.ca_file)
    client.minimum_version = ssl.TLSVersion.TLSv1_3
    with serving(context) as port:
        found = handshake.offer(HOST, port, client, 2)
    assert found.refused_by == "server"


def test_our_own_librarys_refusal_is_none(place: Place) -> None:
    """A client that can't even send its offer has learnt nothing of the server."""
    client = handshake.trusting_anyone()
    client.minimum_version = ssl.TLSVersion.TLSv1_3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client.options |= ssl.OP_NO_TLSv1_3
    with (
        serving(server_context(place)) as port,
        pytest.raises(Unreachable, match="no protocols available"),
    ):
        handshake.offer(HOST, port, client, 2)


def test_the_presented_certificate_is_read(place: Place) -> None:
    pem = (place.current / "server.crt").read_text()
    with serving(server_context(place)) as port:
        assert handshake.peer_certificate(HOST, port, 2) == ssl.PEM_cert_to_DER_cert(pem)
    with serving(server_context(place), answering(b"S")) as port:
        found = handshake.peer_certificate(HOST, port, 2, "postgres")
    assert found == ssl.PEM_cert_to_DER_cert(pem)


def test_a_postgres_that_agrees_is_spoken_to(place: Place) -> None:
    with serving(server_context(place), answering(b"S")) as port:
        context = handshake.trusting(place.ca_file)
        assert handshake.offer(HOST, port, context, 2, "postgres").accepted
        assert not handshake.offer_tls11(HOST, port, 2, "postgres").accepted


def test_a_postgres_without_tls_has_refused(place: Place) -> None:
    with serving(None, answering(b"N")) as port:
        found = handshake.offer(HOST, port, handshake.trusting(place.ca_file), 2, "postgres")
        assert (found.refused_by, found.accepted) == ("server", False)
        assert handshake.offer_tls11(HOST, port, 2, "postgres").refused_by == "server"
        with pytest.raises(Unreachable, match="no TLS"):
            handshake.peer_certificate(HOST, port, 2, "postgres")


@pytest.mark.parametrize("answer", [b"E", b""])
def test_a_postgres_that_is_not_ready_has_refused_nothing(place: Place, answer: bytes) -> None:
    context = handshake.trusting(place.ca_file)
    with serving(None, answering(answer)) as port:
        with pytest.raises(Unreachable):
            handshake.offer(HOST, port, context, 2, "postgres")
        with pytest.raises(Unreachable):
            handshake.offer_tls11(HOST, port, 2, "postgres")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x02"])
def test_what_does_not_speak_tls_has_refused_nothing(answer: bytes) -> None:
    def greet(line: socket.socket) -> bool:
        line.recv(1024)
        line.sendall(answer)
        return False

    with serving(None, greet) as port:
        for act in (
            lambda: handshake.offer(HOST, port, handshake.trusting_anyone(), 2),
            lambda: handshake.offer_tls11(HOST, port, 2),
            lambda: handshake.peer_certificate(HOST, port, 2),
        ):
            with pytest.raises(Unreachable):
                act()


def test_silence_ends_in_time() -> None:
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
            handshake.offer_tls11(HOST, port, 0.2)
        with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
            handshake.offer(HOST, port, handshake.trusting_anyone(), 0.2)


def test_a_ca_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"ca\.crt") as caught:
        handshake.trusting(tmp_path / "ca.crt")
    assert caught.value.hint
    (tmp_path / "ca.crt").write_text("nonsense")
    with pytest.raises(Unreachable, match="not readable as a CA"):
        handshake.trusting(tmp_path / "ca.crt")


def test_nothing_heavy_is_imported_for_a_look() -> None:
    import subprocess
    import sys

    code = (
        "import sys, rfdata.tls.handshake, rfdata.tls.certificates, rfdata.redis.facts, "
        "rfdata.redis.actions, rfdata.redis.settings\n"
        "print(*(m for m in ('cryptography', 'redis', 'asyncio') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
