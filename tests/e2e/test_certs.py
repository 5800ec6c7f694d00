"""Certificates: shown, renewed under open connections, and always from the same CA."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

import pytest
from tests.e2e import layer
from tests.e2e.layer import Deployment

from rfdata.model.facts import SERVERS, Server
from rfdata.tls import certificates

PLACES = {"postgres": "POSTGRES", "redis": "REDIS", "redis-durable": "REDIS_DURABLE"}


def fingerprint(found: Deployment, server: Server) -> str:
    """Of the certificate that a new client is shown now."""
    env, prefix = found.env, PLACES[server]
    starttls: Literal["postgres"] | None = "postgres" if server == "postgres" else None
    host, port = env[f"{prefix}_HOST"], int(env[f"{prefix}_PORT"])
    ca = found.directory / "certs" / "ca.crt"
    return certificates.live(host, port, 10.0, ca, starttls).fingerprint


def fingerprints(found: Deployment) -> dict[Server, str]:
    return {server: fingerprint(found, server) for server in SERVERS}


@contextmanager
def open_connections(found: Deployment) -> Iterator[Callable[[], bool]]:
    """One client of each server; asks whether each still has the connection that it began with."""
    with ExitStack() as stack:
        postgres = stack.enter_context(found.connect())
        pid = postgres.info.backend_pid
        clients = [stack.enter_context(found.redis(server)) for server in SERVERS[1:]]
        numbers = [client.client_id() for client in clients]

        def still_there() -> bool:
            row = postgres.execute("SELECT pg_backend_pid()").fetchone()
            return bool(row == (pid,) and [client.client_id() for client in clients] == numbers)

        assert still_there()
        yield still_there


def test_show_tells_the_days_that_are_left(calm: Deployment) -> None:
    shown = calm.rfdata("certs", "show").out
    assert [line.split()[0] for line in shown.splitlines()] == ["ca", *SERVERS]
    rows = {row["name"]: row for row in calm.rfdata("certs", "show", "--format", "json").json}
    assert 3640 <= rows["ca"]["days_left"] <= 3650
    assert all(820 <= rows[server]["days_left"] <= 825 for server in SERVERS)
    assert {row["state"] for row in rows.values()} == {"good"}


def test_renewing_all_cuts_nobody_off_and_keeps_the_ca(live: Deployment) -> None:
    before, pids = fingerprints(live), live.pids()
    ca = (live.directory / "certs" / "ca.crt").read_bytes()
    with open_connections(live) as still_there:
        renewed = live.rfdata("certs", "renew", "--format", "json").json
        assert renewed == {"renewed": list(SERVERS)}
        after = fingerprints(live)
        assert all(after[server] != before[server] for server in SERVERS)
        assert still_there(), "an open connection was cut"
    assert live.pids() == pids
    assert (live.directory / "certs" / "ca.crt").read_bytes() == ca
    with live.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    layer.assert_all_good(live.verify())
    assert live.plan() == []
    last = [record for record in layer.records(live) if record["kind"] == "applied"][-1]
    assert "postgres" in str(last["data"])


def test_renewing_one_leaves_the_others_alone(live: Deployment) -> None:
    before = fingerprints(live)
    live.rfdata("certs", "renew", "--server", "redis")
    after = fingerprints(live)
    assert {server for server in SERVERS if after[server] != before[server]} == {"redis"}
    live.rfdata("verify")


def test_renewing_what_there_is_not_is_refused(calm: Deployment) -> None:
    before = fingerprints(calm)
    refused = calm.rfdata("certs", "renew", "--server", "mysql", code=2)
    assert "mysql" in refused.err
    assert "postgres" in refused.err
    assert fingerprints(calm) == before


def test_a_name_more_in_rfdata_toml_is_a_new_certificate_without_a_restart(
    live: Deployment,
) -> None:
    pids = live.pids()
    live.set("tls", "names", '["db.example.org"]')
    assert any("lacks db.example.org" in step["summary"] for step in live.plan())
    with open_connections(live) as still_there:
        layer.assert_all_good(live.up())
        assert still_there()
    assert live.pids() == pids
    assert live.plan() == []


def test_a_ca_that_lost_its_key_is_not_replaced_behind_our_back(live: Deployment) -> None:
    """A new CA means that every client has to be given it: nobody wants that by accident."""
    folder = live.directory / "certs"
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    try:
        (folder / "ca.key").unlink()
        refused = live.rfdata("certs", "renew", code=(2, 4))
        assert "ca.key" in refused.err
        live.rfdata("up", "--yes", code=None)
        assert (folder / "ca.crt").read_bytes() == (kept / "ca.crt").read_bytes()
        with live.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        shutil.rmtree(folder)
        kept.rename(folder)


@pytest.mark.parametrize("server", SERVERS)
def test_the_key_is_the_servers_own_and_nobody_elses(calm: Deployment, server: Server) -> None:
    home = calm.places.home(server)
    key = home.tls / "current" / "server.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.owner() == home.user
