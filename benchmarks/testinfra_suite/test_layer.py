"""Forty of rfdata's checks as a person writes them for pytest-testinfra; each is named by rfdata's id.

`LAYER` names a JSON file with where everything lies, and the environment holds what .env does. Every
test asks the live thing, in testinfra's own way: a file, a socket, a process, or a command.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

LAYER: dict[str, Any] = json.loads(Path(os.environ["LAYER"]).read_text(encoding="utf-8"))
STATE, CA = LAYER["state"], LAYER["ca"]
SERVERS = ("postgres", "redis", "redis-durable")
PASSWORD = {"redis": "REDIS_ADMIN_PASSWORD", "redis-durable": "REDIS_DURABLE_ADMIN_PASSWORD"}
USER = LAYER["users"]
DAY = 86400

POSTGRES_SETTINGS = {
    "postgres.max_connections": ("max_connections", "200"),
    "postgres.shared_buffers": ("shared_buffers", "256MB"),
    "postgres.effective_cache_size": ("effective_cache_size", "768MB"),
    "postgres.checkpoint_completion_target": ("checkpoint_completion_target", "0.9"),
    "postgres.checksums": ("data_checksums", "on"),
    "postgres.fsync": ("fsync", "on"),
    "postgres.wal_level": ("wal_level", "replica"),
    "postgres.ssl": ("ssl", "on"),
    "postgres.tls_minimum": ("ssl_min_protocol_version", "TLSv1.2"),
    "postgres.password_encryption": ("password_encryption", "scram-sha-256"),
    "postgres.log_statement": ("log_statement", "ddl"),
    "postgres.log_min_duration_statement": ("log_min_duration_statement", "1s"),
}
REDIS_SETTINGS = {
    "redis.maxmemory": ("redis", "maxmemory", "1073741824"),
    "redis.maxmemory_policy": ("redis", "maxmemory-policy", "allkeys-lru"),
    "redis.appendonly": ("redis", "appendonly", "yes"),
    "redis.appendfsync": ("redis", "appendfsync", "everysec"),
    "redis.plaintext_port": ("redis", "port", "0"),
    "redis-durable.maxmemory": ("redis-durable", "maxmemory", "1073741824"),
    "redis-durable.maxmemory_policy": ("redis-durable", "maxmemory-policy", "noeviction"),
    "redis-durable.appendonly": ("redis-durable", "appendonly", "yes"),
    "redis-durable.appendfsync": ("redis-durable", "appendfsync", "always"),
    "redis-durable.plaintext_port": ("redis-durable", "port", "0"),
}


def each(pattern: str) -> pytest.MarkDecorator:
    """The same check of each server."""
    return pytest.mark.parametrize(
        "server", [pytest.param(server, id=pattern.format(server)) for server in SERVERS]
    )


def rows(cases: Mapping[str, tuple[str, ...]]) -> list[Any]:
    return [pytest.param(*values, id=id) for id, values in cases.items()]


def sql(host: Any, query: str, database: str = "postgres") -> str:
    """As the operator, over the socket."""
    command = "psql -X -A -t -h %s -p %s -U postgres -d %s -c %s"
    psql = f"{LAYER['bin']}/{command}"
    found: str = host.check_output(
        psql, LAYER["socket"], LAYER["ports"]["postgres"], database, query
    )
    return found


def redis(host: Any, server: str, words: str, user: str = "admin") -> Any:
    """redis-cli over TLS; the password goes through the environment."""
    secret = f'REDISCLI_AUTH="${PASSWORD[server]}"'
    options = "--no-auth-warning --tls --cacert %s -h 127.0.0.1 -p %s --user %s"
    command = f"{secret} redis-cli {options} {words}"
    return host.run(command, CA, LAYER["ports"][server], user)


@pytest.mark.parametrize(("name", "expected"), rows(POSTGRES_SETTINGS))
def test_postgres_setting(host: Any, name: str, expected: str) -> None:
    assert sql(host, f"SHOW {name}") == expected


@pytest.mark.parametrize(("server", "name", "expected"), rows(REDIS_SETTINGS))
def test_redis_setting(host: Any, server: str, name: str, expected: str) -> None:
    assert redis(host, server, f"config get {name}").stdout.split("\n")[:2] == [name, expected]


@pytest.mark.parametrize("path", [pytest.param(LAYER["env"], id="env.file_mode")])
def test_secrets_are_private(host: Any, path: str) -> None:
    assert host.file(path).mode == 0o600


@each("host.{}_data_mode")
def test_data_is_private(host: Any, server: str) -> None:
    assert host.file(f"{STATE}/{server}/data").mode == 0o700


@each("tls.{}_key_file")
def test_key_is_the_servers_own(host: Any, server: str) -> None:
    key = host.file(f"{STATE}/{server}/tls/current/server.key")
    assert (key.mode, key.user) == (0o600, USER[server])


@each("host.{}_listeners")
def test_listens(host: Any, server: str) -> None:
    assert host.socket(f"tcp://127.0.0.1:{LAYER['ports'][server]}").is_listening


@each("host.{}_system_user")
def test_runs_as_its_user(host: Any, server: str) -> None:
    path = "data/postmaster.pid" if server == "postgres" else "run/redis.pid"
    pid = host.file(f"{STATE}/{server}/{path}").content_string.split()[0]
    assert host.process.get(pid=pid).user == USER[server]


@pytest.mark.parametrize("extension", [pytest.param("vector", id="postgres.pgvector")])
def test_extension(host: Any, extension: str) -> None:
    query = f"SELECT count(*) FROM pg_extension WHERE extname = '{extension}'"
    assert sql(host, query, LAYER["database"]) == "1"


@pytest.mark.parametrize("kinds", [pytest.param("'host','hostnossl'", id="postgres.hba_tls_only")])
def test_nothing_gets_in_without_tls(host: Any, kinds: str) -> None:
    query = f"SELECT count(*) FROM pg_hba_file_rules WHERE type IN ({kinds}) AND auth_method <> 'reject'"
    assert sql(host, query) == "0"


@pytest.mark.parametrize("server", [pytest.param("redis", id="probe.redis_plaintext_refused")])
def test_plaintext_is_refused(host: Any, server: str) -> None:
    command = "redis-cli -h 127.0.0.1 -p %s ping"
    refused = host.run(command, LAYER["ports"][server])
    assert (refused.rc, refused.stdout) == (1, "")


@pytest.mark.parametrize("server", [pytest.param("redis", id="probe.redis_wrong_password_refused")])
def test_wrong_password_is_refused(host: Any, server: str) -> None:
    refused = redis(host, server, "ping", user="default")
    assert "WRONGPASS" in refused.stdout + refused.stderr


@pytest.mark.parametrize("server", [pytest.param("postgres", id="tls.postgres_days_left")])
def test_certificate_lasts(host: Any, server: str) -> None:
    certificate = f"{STATE}/{server}/tls/current/server.crt"
    until = host.check_output("openssl x509 -noout -enddate -in %s", certificate)
    ends = time.mktime(time.strptime(until, "notAfter=%b %d %H:%M:%S %Y GMT"))
    assert ends - time.time() > 30 * DAY
