"""What a hand changes behind our back: `verify` finds it first, `plan` names it, `up` takes it back."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.e2e import layer
from tests.e2e.layer import Deployment

from rfdata.model.facts import Server

APP = "researchflow_user"


@dataclass(frozen=True)
class Drift:
    """One change by hand, the check that has to see it, and words of the plan that mends it."""

    name: str
    do: Callable[[Deployment], None]
    check: str
    planned: str


def sql(*statements: str) -> Callable[[Deployment], None]:
    def do(live: Deployment) -> None:
        with live.operator() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    return do


def tell(server: Server, *words: str) -> Callable[[Deployment], None]:
    return lambda live: live.admin(server, *words)


def opened(path: Callable[[Deployment], Path], mode: int = 0o644) -> Callable[[Deployment], None]:
    def do(live: Deployment) -> None:
        path(live).chmod(mode)

    return do


def let_everyone_in(live: Deployment) -> None:
    rules = live.places.home("postgres").data / "pg_hba.conf"
    rules.write_text(f"host all all 0.0.0.0/0 trust\n{rules.read_text()}")
    sql("SELECT pg_reload_conf()")(live)


def remove(path: Callable[[Deployment], Path]) -> Callable[[Deployment], None]:
    def do(live: Deployment) -> None:
        path(live).unlink()

    return do


def server_key(server: str) -> Callable[[Deployment], Path]:
    return lambda live: live.state / server / "tls" / "current" / "server.key"


SETTINGS = (
    Drift(
        "ALTER SYSTEM SET, in force",
        sql("ALTER SYSTEM SET log_min_duration_statement = '7s'", "SELECT pg_reload_conf()"),
        "postgres.log_min_duration_statement",
        "take back ALTER SYSTEM SET log_min_duration_statement",
    ),
    Drift(
        "ALTER SYSTEM SET, waiting for a restart",
        sql("ALTER SYSTEM SET max_connections = 150", "SELECT pg_reload_conf()"),
        "postgres.pending_restart",
        "take back ALTER SYSTEM SET max_connections",
    ),
    Drift(
        "an evicting durable Redis",
        tell("redis-durable", "CONFIG", "SET", "maxmemory-policy", "allkeys-lru"),
        "redis-durable.never_evicts",
        "set maxmemory-policy = noeviction",
    ),
    Drift(
        "a cache without a limit",
        tell("redis", "CONFIG", "SET", "maxmemory", "0"),
        "redis.maxmemory",
        "redis: set maxmemory",
    ),
    Drift(
        "an append-only file switched off",
        tell("redis-durable", "CONFIG", "SET", "appendonly", "no"),
        "redis-durable.appendonly",
        "set appendonly = yes",
    ),
)

ROLES = (
    Drift(
        "a right for everyone",
        sql("GRANT CREATE ON SCHEMA public TO PUBLIC"),
        "postgres.public_schema",
        "revoke CREATE on schema public from PUBLIC",
    ),
    Drift(
        "a right too many",
        sql(f"GRANT CREATE ON SCHEMA public TO {APP}"),
        "postgres.create_privileges",
        f"revoke CREATE on schema public from {APP}",
    ),
    Drift(
        "a new superuser",
        sql("ALTER ROLE researchflow_readonly SUPERUSER"),
        "postgres.superusers",
        "alter role researchflow_readonly",
    ),
    Drift(
        "a membership too many",
        sql(f"GRANT pg_read_server_files TO {APP}"),
        "postgres.role_app",
        f"take {APP} out of pg_read_server_files",
    ),
    Drift(
        "another password",
        sql("ALTER ROLE researchflow_monitor PASSWORD 'something-else-altogether'"),
        "postgres.passwords_match",
        "set the password of researchflow_monitor",
    ),
    Drift(
        "an extension dropped",
        sql("DROP EXTENSION pg_stat_statements"),
        "postgres.pg_stat_statements",
        "create extension pg_stat_statements",
    ),
    Drift(
        "another owner",
        sql("ALTER DATABASE researchflow OWNER TO postgres"),
        "postgres.database_owner",
        "give database researchflow to researchflow_owner",
    ),
)

USERS = (
    Drift(
        "a user without a password",
        tell("redis", "ACL", "SETUSER", "intruder", "on", "nopass", "~*", "+@all"),
        "redis.no_passwordless_user",
        "reload redis:",
    ),
    Drift(
        "services that may do anything",
        tell("redis-durable", "ACL", "SETUSER", "default", "+@all"),
        "redis-durable.app_commands",
        "reload redis-durable",
    ),
)

FILES = (
    Drift(
        "everyone let in by pg_hba.conf",
        let_everyone_in,
        "postgres.hba_methods",
        "pg_hba.conf",
    ),
    Drift(
        "a configuration file that others can write",
        opened(lambda live: live.state / "redis" / "conf" / "redis.conf", 0o666),
        "deployment.files_not_writable",
        "redis/conf/redis.conf",
    ),
    Drift(
        "a configuration file removed",
        remove(lambda live: live.state / "redis-durable" / "conf" / "redis.conf"),
        "deployment.files_in_place",
        "write",
    ),
)

KEYS = (
    Drift(
        "PostgreSQL's key open to all",
        opened(server_key("postgres")),
        "tls.postgres_key_file",
        "postgres/tls",
    ),
    Drift(
        "Redis's key open to all",
        opened(server_key("redis")),
        "tls.redis_key_file",
        "redis/tls",
    ),
    Drift(
        "the CA's key open to all",
        opened(lambda live: live.directory / "certs" / "ca.key"),
        "tls.ca_key_private",
        "ca.key",
    ),
)

GROUPS = {"settings": SETTINGS, "roles": ROLES, "users": USERS, "files": FILES, "keys": KEYS}


@pytest.mark.parametrize("group", GROUPS)
def test_drift_is_found_named_and_mended(live: Deployment, group: str) -> None:
    """Several at once, so that it stays quick; each has a check and a step of its own."""
    drifts = GROUPS[group]
    for drift in drifts:
        drift.do(live)

    _, checks = layer.outcomes(live.verify(code=1))
    assert [drift.name for drift in drifts if checks[drift.check] != "fail"] == [], "not found"

    steps = [step["summary"] for step in live.plan()]
    unnamed = [d.name for d in drifts if not any(d.planned in step for step in steps)]
    assert unnamed == [], f"not in the plan: {steps}"

    layer.assert_all_good(live.up())
    assert live.plan() == []


def test_drift_is_not_mended_by_looking(live: Deployment) -> None:
    sql("GRANT CREATE ON SCHEMA public TO PUBLIC")(live)
    for _ in range(2):
        assert layer.outcome(live.verify(code=1), "postgres.public_schema") == "fail"
        live.rfdata("plan")
        live.rfdata("status")


def test_a_password_in_env_that_the_servers_do_not_have(live: Deployment) -> None:
    """Logging in fails then, so much can't be read: the exit code says so, and nothing passes by luck."""
    text = live.env_file.read_text(encoding="utf-8")
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD"):
        old = live.env[name]
        text = text.replace(old, old[::-1])
    live.env_file.write_text(text, encoding="utf-8")
    report = live.verify(code=(1, 3))
    checks = layer.outcomes(report)[1]
    assert checks["postgres.passwords_match"] == "fail"
    assert checks["probe.postgres_login"] == checks["probe.redis_login"] == "fail"
    layer.assert_all_good(live.up())
    with live.connect() as connection, live.redis() as client:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert client.ping()
    assert live.plan() == []


# --- servers that are down


def test_nothing_passes_on_the_word_of_a_layer_that_is_down(live: Deployment) -> None:
    live.rfdata("down", "--yes")
    lines, checks = layer.outcomes(live.verify(code=3))
    asked_live = [
        n for n in checks if n.startswith(("postgres.", "redis.", "redis-durable.", "probe."))
    ]
    assert len(asked_live) > 100
    assert {checks[name] for name in asked_live} <= {"unknown", "fail", "not_applicable"}
    assert list(lines.values()).count("unknown") > 50
    status = live.rfdata("status", "--format", "json", code=3).json
    assert status["all_reached"] is False
    assert {row["running"] for row in status["servers"]} == {False}
    assert "stopped" in live.rfdata("status", code=3).out
    layer.assert_all_good(live.up())


def test_one_stopped_server_spoils_no_verdict_on_the_others(live: Deployment) -> None:
    stop_watch(live)
    layer.kill(live.pids()["redis-durable"])
    _, checks = layer.outcomes(live.verify(code=3))
    assert {v for n, v in checks.items() if n.startswith("redis-durable.")} == {"unknown"}
    assert checks["probe.redis-durable_login"] == "unknown"
    assert checks["host.redis-durable_running"] == "fail"
    assert checks["host.watch_alive"] == "fail"
    assert {v for n, v in checks.items() if n.startswith(("redis.", "postgres."))} == {"pass"}
    steps = live.plan()
    assert any("start redis-durable" in step["summary"] for step in steps)
    assert "RestartServer" not in {step["action"] for step in steps}
    assert steps[-1]["action"] == "StartWatch"
    layer.assert_all_good(live.up())


def test_a_server_that_hangs_is_unknown_within_the_time_limit(live: Deployment) -> None:
    pid = live.pid("redis")
    os.kill(pid, signal.SIGSTOP)
    try:
        _, checks = layer.outcomes(live.verify(code=3))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert checks["redis.maxmemory"] == checks["probe.redis_login"] == "unknown"
    assert checks["redis-durable.maxmemory"] == "pass"
    layer.wait_for("all is good again", lambda: live.rfdata("verify", code=None).code == 0)


def stop_watch(live: Deployment) -> None:
    for pid in layer.agents(live):
        os.kill(pid, signal.SIGTERM)
    layer.wait_for("the watch has ended", lambda: layer.agents(live) == [])
