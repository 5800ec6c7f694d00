"""Each probe tells a well configured server from one that isn't, and neither from silence."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import pytest
from tests.redis.conftest import TIMEOUT, Instance, Launch, free_port

from rfdata.errors import Unreachable
from rfdata.model.facts import Probe
from rfdata.redis import probes
from rfdata.redis.client import Login
from rfdata.secrets import Secret, generate
from rfdata.tls import authority

ALL: list[Callable[[Login, float], Probe]] = [
    probes.login,
    probes.plaintext,
    probes.wrong_password,
    probes.no_password,
    probes.foreign_ca,
    probes.old_tls,
]
NO_PASSWORD = "user default on nopass ~* &* +@all\n"


def test_a_good_server_lets_only_the_app_in(running: Instance) -> None:
    accepted = [probe(running.login("default"), TIMEOUT).accepted for probe in ALL]
    assert accepted == [True, False, False, False, False, False]


def test_every_probe_says_what_it_saw(running: Instance) -> None:
    found = {probe.__name__: probe(running.login("default"), TIMEOUT) for probe in ALL}
    assert found["login"].tls_version == "TLSv1.3"
    assert "WRONGPASS" in found["wrong_password"].detail
    assert "NOAUTH" in found["no_password"].detail
    assert "self-signed" in found["foreign_ca"].detail
    assert found["old_tls"].detail == "the server's alert: protocol_version"
    assert "plain text" in found["plaintext"].detail


def test_the_whole_set_is_quick(running: Instance) -> None:
    login = running.login("default")
    times = []
    for _ in range(5):
        began = perf_counter()
        for probe in ALL:
            probe(login, TIMEOUT)
        times.append(perf_counter() - began)
    assert min(times) < 0.2


def test_a_plaintext_port_is_found(launch: Launch) -> None:
    instance = launch()
    port = instance.port
    instance.kill()
    plain = replace(instance, extra=f"\ntls-port 0\nport {port}\n")
    plain.write()
    plain.start()
    found = probes.plaintext(instance.login("default"), TIMEOUT)
    assert found.accepted
    assert "NOAUTH" in found.detail
    with pytest.raises(Unreachable):
        probes.old_tls(instance.login("default"), 0.3)
    unencrypted = replace(instance.login("default"), tls=False)
    assert probes.login(unencrypted, TIMEOUT).accepted
    assert not probes.wrong_password(unencrypted, TIMEOUT).accepted
    assert not probes.no_password(unencrypted, TIMEOUT).accepted


def test_a_default_user_without_password_is_found(launch: Launch) -> None:
    instance = launch(acl_text=NO_PASSWORD)
    assert probes.no_password(instance.login("default"), TIMEOUT).accepted
    assert probes.wrong_password(instance.login("default"), TIMEOUT).accepted


def test_a_server_that_agrees_to_old_tls_is_found(launch: Launch) -> None:
    instance = launch(
        extra='\ntls-protocols "TLSv1.1 TLSv1.2"\ntls-ciphers "DEFAULT:@SECLEVEL=0"\n'
    )
    found = probes.old_tls(instance.login("default"), TIMEOUT)
    assert found.accepted
    assert found.tls_version == "TLSv1.1"


def test_a_wrong_password_in_env_is_a_refused_login(running: Instance) -> None:
    other = replace(running.login("default"), password=generate())
    found = probes.login(other, TIMEOUT)
    assert not found.accepted
    assert "WRONGPASS" in found.detail
    assert other.password is not None
    assert other.password.reveal() not in found.detail


def test_a_certificate_that_the_client_does_not_trust_is_a_refused_login(
    running: Instance, tmp_path: Path
) -> None:
    authority.issue_authority(tmp_path, 10, "another", 1)
    found = probes.login(replace(running.login("default"), ca_file=tmp_path / "ca.crt"), TIMEOUT)
    assert not found.accepted
    assert "turned the certificate down" in found.detail


def test_a_name_that_the_certificate_lacks_is_a_refused_login(launch: Launch) -> None:
    instance = launch(settings='listen_addresses = ["127.0.0.1", "127.0.0.2"]')
    found = probes.login(replace(instance.login("default"), host="127.0.0.2"), TIMEOUT)
    assert not found.accepted
    assert "IP address mismatch" in found.detail


@pytest.mark.parametrize("probe", ALL, ids=lambda probe: probe.__name__)
class TestNobodyAnswers:
    """Not one of these may count as a refusal."""

    def test_nothing_listens(self, probe: Callable[[Login, float], Probe], ca: Path) -> None:
        with pytest.raises(Unreachable):
            probe(_login(free_port(), ca), 1.0)

    def test_a_stopped_process_listens(
        self, probe: Callable[[Login, float], Probe], ca: Path
    ) -> None:
        with listening(b"", hang=True) as port, pytest.raises(Unreachable):
            probe(_login(port, ca), 0.2)

    def test_something_else_answers(self, probe: Callable[[Login, float], Probe], ca: Path) -> None:
        with (
            listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port,
            pytest.raises(Unreachable),
        ):
            probe(_login(port, ca), 1.0)

    def test_it_only_hangs_up(self, probe: Callable[[Login, float], Probe], ca: Path) -> None:
        with listening(b"") as port, pytest.raises(Unreachable):
            probe(_login(port, ca), 1.0)


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    authority.issue_authority(tmp_path, 10, "tests", 1)
    return tmp_path / "ca.crt"


def _login(port: int, ca: Path) -> Login:
    return Login("127.0.0.1", port, "default", Secret("x" * 43), ca_file=ca)


@contextmanager
def listening(answer: bytes, *, hang: bool = False) -> Iterator[int]:
    """A program that is not Redis: answers everyone the same, hangs up or says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    line, _ = server.accept()
                    held.append(line)
                    if not hang:
                        with suppress(OSError), line:
                            line.recv(1024)
                            line.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(2)
        for line in held:
            line.close()
