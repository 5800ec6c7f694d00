"""Each probe answers no (or yes) on a good server, the contrary on a bad one, and nothing on none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tests.postgres.conftest import Cluster

from rfdata import files
from rfdata.config.load import Config
from rfdata.config.stranger import why_no_stranger
from rfdata.errors import Unreachable
from rfdata.model.facts import Probe
from rfdata.postgres import client, probes
from rfdata.postgres.wire import Knock, knock
from rfdata.secrets import generate
from rfdata.tls.authority import issue_authority

ALL = (
    probes.login,
    probes.plaintext,
    probes.wrong_password,
    probes.no_password,
    probes.foreign_ca,
    probes.old_tls,
    probes.foreign_network,
)
Take = Callable[[Config, float], Probe]
SECONDS = 5.0

OPERATOR = "local all postgres peer map=operator\n"
EVERYONE = "all all 127.0.0.0/8"


def config_at(config: Config, port: int) -> Config:
    postgres = config.settings.postgres.model_copy(update={"port": port})
    return replace(config, settings=config.settings.model_copy(update={"postgres": postgres}))


@pytest.mark.parametrize("take", ALL, ids=lambda take: take.__name__)
def test_a_good_server(cluster: Cluster, take: Take) -> None:
    found = take(cluster.config, SECONDS)
    assert found.accepted == (take is probes.login)
    assert found.detail
    assert 0 < found.milliseconds < 1000


def test_each_tells_its_own_reason(cluster: Cluster) -> None:
    detail = {take.__name__: take(cluster.config, SECONDS).detail for take in ALL}
    assert "no encryption" in detail["plaintext"]
    assert "28P01" in detail["wrong_password"]
    assert "asks for a password" in detail["no_password"]
    assert "turned the certificate down" in detail["foreign_ca"]
    assert "protocol_version" in detail["old_tls"]
    assert "127.0.0.2" in detail["foreign_network"]


@pytest.mark.parametrize(
    ("rules", "take"),
    [
        (f"host {EVERYONE} scram-sha-256", probes.plaintext),
        (f"host {EVERYONE} trust", probes.plaintext),
        (f"host {EVERYONE} password", probes.plaintext),
        (f"hostssl {EVERYONE} trust", probes.wrong_password),
        (f"hostssl {EVERYONE} trust", probes.no_password),
        (f"hostssl {EVERYONE} scram-sha-256", probes.foreign_network),
        (f"hostssl {EVERYONE} trust", probes.foreign_network),
    ],
)
def test_bad_rules_let_it_in(cluster: Cluster, rules: str, take: Take) -> None:
    with cluster.changed(hba=f"{OPERATOR}{rules}\n"):
        assert take(cluster.config, SECONDS).accepted


def test_old_tls_gets_in_where_the_server_allows_it(cluster: Cluster) -> None:
    conf = "ssl_min_protocol_version = 'TLSv1'\nssl_ciphers = 'ALL:@SECLEVEL=0'\n"
    with cluster.changed(conf=conf):
        found = probes.old_tls(cluster.config, SECONDS)
    assert found.accepted
    assert found.tls_version == "TLSv1.1"


def test_a_foreign_ca_s_certificate_is_turned_down_by_the_login(cluster: Cluster) -> None:
    """The server shows a certificate that another CA issued."""
    certs = cluster.config.directory / "certs"
    kept = {path: path.read_bytes() for path in (certs / "ca.crt", certs / "ca.key")}
    try:
        for path in kept:
            path.unlink()
        issue_authority(certs, 60, "another CA")
        cluster.issue()
        for path, content in kept.items():
            files.write(path, content)
        cluster.reload()
        found = probes.login(cluster.config, SECONDS)
        assert not found.accepted
        assert "certificate" in found.detail
    finally:
        for path, content in kept.items():
            files.write(path, content)
        cluster.issue()
        cluster.reload()
    assert probes.login(cluster.config, SECONDS).accepted


def test_the_login_fails_for_another_password(cluster: Cluster) -> None:
    env = dict(cluster.config.env) | {"POSTGRES_PASSWORD": generate()}
    found = probes.login(replace(cluster.config, env=env), SECONDS)
    assert not found.accepted
    assert "28P01" in found.detail


def test_the_login_fails_for_a_name_that_the_certificate_lacks(cluster: Cluster) -> None:
    postgres = cluster.config.settings.postgres.model_copy(update={"host": "127.0.0.3"})
    settings = cluster.config.settings.model_copy(update={"postgres": postgres})
    with cluster.changed(conf="listen_addresses = '*'\n"):
        config = replace(cluster.config, settings=settings)
        with pytest.raises(Unreachable):  # listen_addresses needs a restart: nobody is there
            probes.login(config, SECONDS)


def test_a_server_without_tls_proves_nothing_about_tls(cluster: Cluster) -> None:
    with cluster.changed(conf="ssl = off\n"):
        assert not probes.login(cluster.config, SECONDS).accepted
        for take in (probes.foreign_ca, probes.old_tls, probes.wrong_password, probes.no_password):
            with pytest.raises(Unreachable):
                take(cluster.config, SECONDS)


def test_a_server_that_refuses_everybody_proves_nothing(cluster: Cluster) -> None:
    """pg_hba.conf turns the app away before its password is looked at."""
    with cluster.changed(hba=f"{OPERATOR}host all all all reject\n"):
        assert not probes.login(cluster.config, SECONDS).accepted
        with pytest.raises(Unreachable, match="did not look at the password"):
            probes.wrong_password(cluster.config, SECONDS)


def test_nobody_can_be_sent_from_elsewhere(configure: Callable[[str], Config]) -> None:
    for toml in ('networks = ["127.0.0.0/8"]', 'host = "::1"', 'host = "db.example.org"'):
        with pytest.raises(Unreachable):
            probes.foreign_network(configure(toml), SECONDS)
        assert why_no_stranger(configure(toml))
    assert not why_no_stranger(configure(""))


Behaviour = Callable[[socket.socket], None]


def hang(connection: socket.socket) -> None:
    connection.settimeout(10)
    while connection.recv(1024):
        pass


def hang_up(connection: socket.socket) -> None:
    connection.recv(8)


def speak_http(connection: socket.socket) -> None:
    connection.recv(8)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def no_tls_then_nonsense(connection: socket.socket) -> None:
    connection.recv(8)
    connection.sendall(b"N")
    connection.sendall(b"R\x7f\xff\xff\xff" + b"x" * 100)


def starting_up(connection: socket.socket) -> None:
    """As PostgreSQL answers while it recovers, without TLS."""
    connection.recv(1024)
    body = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
    connection.sendall(b"E" + (len(body) + 4).to_bytes(4, "big") + body)


@contextmanager
def impostor(behave: Behaviour) -> Iterator[int]:
    """Something that listens and is no PostgreSQL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                behave(connection)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize("behave", [hang, hang_up, speak_http, no_tls_then_nonsense])
@pytest.mark.parametrize("take", ALL, ids=lambda take: take.__name__)
def test_what_is_no_postgres_counts_as_no_refusal(
    cluster: Cluster, take: Take, behave: Behaviour
) -> None:
    with impostor(behave) as port:
        config = config_at(cluster.config, port)
        if take is probes.login and behave is no_tls_then_nonsense:
            assert not take(config, 0.3).accepted  # it does answer: there is no TLS
            return
        with pytest.raises(Unreachable):
            take(config, 0.3)


@pytest.mark.parametrize("take", ALL, ids=lambda take: take.__name__)
def test_a_closed_port_counts_as_no_refusal(cluster: Cluster, take: Take) -> None:
    with impostor(hang) as port:
        pass
    with pytest.raises(Unreachable):
        take(config_at(cluster.config, port), SECONDS)


def test_a_server_that_is_starting_counts_as_no_refusal(cluster: Cluster) -> None:
    with impostor(starting_up) as port, pytest.raises(Unreachable, match="starting up"):
        probes.plaintext(config_at(cluster.config, port), SECONDS)


def test_a_password_is_never_sent_to_who_asks_for_it_in_the_clear(cluster: Cluster) -> None:
    heard: list[bytes] = []

    def ask(connection: socket.socket) -> None:
        heard.append(connection.recv(1024))
        connection.sendall(b"R\0\0\0\x08\0\0\0\x03")
        heard.append(connection.recv(1024))

    with impostor(ask) as port:
        found = probes.plaintext(config_at(cluster.config, port), SECONDS)
    assert found.accepted
    assert "in the clear" in found.detail
    assert cluster.config.secret("POSTGRES_PASSWORD").reveal().encode() not in b"".join(heard)


def test_our_scram_gets_in_where_libpq_does(cluster: Cluster) -> None:
    from rfdata.tls.handshake import trusting

    known = client.login(cluster.config)
    who = Knock(known.host, known.port, known.user, known.database, known.password)
    answer = knock(who, trusting(cluster.config.ca_file), SECONDS)
    assert answer.kind == "in"
    assert answer.tls_version == "TLSv1.3"
