"""The agent: one of it, that starts what died, polls, rotates, and ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.targets.native.conftest import Deployment, quiet, until

from rfdata.config import env as dotenv
from rfdata.errors import ChangeFailed
from rfdata.model.facts import Server
from rfdata.model.plan import RestartServer, StartWatch
from rfdata.secrets import Secret
from rfdata.targets.native import identity, processes, watch
from rfdata.targets.native.identity import Running

TWO: tuple[Server, ...] = ("redis", "postgres")


@pytest.fixture
def watched(prepared: Deployment) -> Deployment:
    """All servers up, and an agent that watches them."""
    prepared.start()
    prepared.watch()
    return prepared


def agent(deployment: Deployment) -> Running:
    papers = watch.running(deployment.layout)
    assert papers is not None
    ticks = identity.started(papers.pid)
    assert ticks is not None
    return Running(papers.pid, ticks)


def health(deployment: Deployment) -> Mapping[str, Any]:
    path = watch.health_file(deployment.layout)
    until(path.exists, "the first poll")
    servers: Mapping[str, Any] = json.loads(path.read_text())["servers"]
    return servers


def healthy(deployment: Deployment, server: Server) -> bool:
    return bool(health(deployment)[server]["healthy"])


def unhealthy(deployment: Deployment, server: Server) -> bool:
    return not healthy(deployment, server)


def log(deployment: Deployment) -> str:
    return (deployment.layout.agent / "agent.log").read_text()


def test_a_server_that_was_killed_is_started_again(watched: Deployment) -> None:
    for server in TWO:
        killed = watched.kill(server)
        until(partial(identity.running, watched.home(server)), "it runs again")
        assert watched.running(server) != killed
    until(lambda: all(entry["healthy"] for entry in health(watched).values()), "all are well")
    until(lambda: health(watched)["redis"]["restarts"] == 1, "the restart is counted")


def test_every_server_is_polled(watched: Deployment) -> None:
    first = watch.read(watched.config)
    assert set(first.health) == {"postgres", "redis", "redis-durable"}
    assert all(record.healthy for record in first.health.values())
    assert (first.by, first.alive, first.current, first.interval) == ("agent", True, True, 0.2)
    until(
        lambda: (
            watch.read(watched.config).health["redis"].checked_at > first.health["redis"].checked_at
        ),
        "another poll",
    )


def test_a_server_that_hangs_is_unhealthy_and_the_others_are_not(prepared: Deployment) -> None:
    prepared.set("health", "timeout", '"300ms"')
    prepared.set("health", "retries", "2")
    prepared.start()
    prepared.watch()
    for server in TWO:
        hanging = prepared.running(server)
        until(partial(healthy, prepared, server), "it is well")
        identity.send(hanging, signal.SIGSTOP)
        until(partial(unhealthy, prepared, server), "it is not well")
        assert health(prepared)["redis-durable"]["healthy"]
        identity.send(hanging, signal.SIGCONT)
        until(partial(healthy, prepared, server), "it is well again")
        assert prepared.running(server) == hanging


def test_it_ends_at_sigterm_and_leaves_the_servers(watched: Deployment) -> None:
    before = {home.server: watched.running(home.server) for home in watched.layout.homes}
    process = agent(watched)
    identity.send(process, signal.SIGTERM)
    assert identity.wait_until_gone(process, 5)
    assert watch.running(watched.layout) is None
    assert all(running.alive for running in before.values())
    assert log(watched).rstrip().endswith("stopped")


def test_there_is_never_a_second_one(watched: Deployment) -> None:
    process = agent(watched)
    argv = watch.command(watched.config)
    others = [subprocess.Popen(argv) for _ in range(3)]
    assert [other.wait(20) for other in others] == [0, 0, 0]
    assert agent(watched) == process


def test_an_agent_of_other_settings_is_replaced(watched: Deployment) -> None:
    process = agent(watched)
    watched.set("health", "interval", '"300ms"')
    assert watch.read(watched.config).current is False
    watched.watch()
    assert not process.alive
    found = watch.read(watched.config)
    assert (found.current, found.interval) == (True, 0.3)


def test_a_killed_agent_is_found_out_and_started_again(watched: Deployment) -> None:
    process = agent(watched)
    identity.send(process, signal.SIGKILL)
    identity.wait_until_gone(process, 5)
    found = watch.read(watched.config)
    assert (found.by, found.alive) == ("nobody", False)
    watched.watch()
    assert watch.read(watched.config).alive


def test_a_stop_is_not_undone(watched: Deployment) -> None:
    assert watched.target.stop(watched.config, quiet) == ("postgres", "redis", "redis-durable")
    assert watch.running(watched.layout) is None
    assert not [home for home in watched.layout.homes if identity.running(home)]
    assert watched.target.stop(watched.config, quiet) == ()


def test_what_was_stopped_on_purpose_stays_down(watched: Deployment) -> None:
    """A `down` that was killed after it had said what it wants."""
    watch.set_wanted(watched.layout, ())
    processes.stop(watched.site, "redis", quiet)
    until(lambda: "redis" not in health(watched), "it is no longer polled")
    assert identity.running(watched.home("redis")) is None
    assert watch.read(watched.config).current is False


def test_it_ends_when_its_deployment_is_taken_away(watched: Deployment) -> None:
    process = agent(watched)
    watch.lock_file(watched.layout).unlink()
    assert identity.wait_until_gone(process, 10)


def test_a_restart_by_somebody_else_is_left_to_them(watched: Deployment) -> None:
    for _ in range(3):
        watched.target.execute(watched.config, RestartServer("redis"), quiet)
    assert "redis had died" not in log(watched)


def test_a_log_that_is_full_is_rotated_while_the_server_writes(prepared: Deployment) -> None:
    prepared.set("redis.log", "max_size", '"1MB"')
    prepared.start()
    prepared.watch()
    path = prepared.home("redis").log / "redis.log"
    with path.open("a") as stream:
        stream.write("x" * 2**20)
    until((path.with_name("redis.log.1")).exists, "the log is rotated")
    processes.restart(prepared.site, "redis", quiet)
    until(path.exists, "a new log is begun")
    assert "Redis is starting" in path.read_text()


def test_old_logs_of_postgres_are_removed(prepared: Deployment) -> None:
    folder = prepared.home("postgres").log
    for number in range(9):
        path = folder / f"postgresql-2020-01-0{number + 1}_000000.log"
        path.write_text("")
        os.utime(path, (number, number))
    prepared.start()
    prepared.watch()
    until(lambda: len(list(folder.glob("*.log"))) == 5, "the oldest are removed")
    assert not (folder / "postgresql-2020-01-05_000000.log").exists()


def test_a_server_that_cannot_start_is_tried_ever_more_rarely(watched: Deployment) -> None:
    conf = watched.home("redis").conf / "redis.conf"
    good = conf.read_text()
    conf.write_text(good + "no-such-setting yes\n")
    watched.kill("redis")
    until(lambda: log(watched).count("could not be started") >= 2, "it was tried twice")
    tries = log(watched).count("could not be started")
    assert tries <= 3
    conf.write_text(good)
    until(lambda: identity.running(watched.home("redis")), "it runs again")


def test_a_changed_password_is_read_anew(watched: Deployment) -> None:
    """The health of a server whose password was changed must not depend on the agent's memory."""
    path = watched.directory / ".env"
    changed = dotenv.update(path.read_text(), {"REDIS_MONITOR_PASSWORD": Secret("n" * 43)})
    path.write_text(changed.reveal())
    file = next(f for f in watched.desired().files if f.path.name == "users.acl")
    watched.target.execute(watched.config, file, quiet)
    processes.restart(watched.site, "redis", quiet)
    started = identity.started_at(watched.running("redis"))
    until(
        lambda: (
            (record := watch.health(watched.layout).get("redis")) is not None
            and record.healthy
            and record.checked_at > started
        ),
        "it is well",
    )


def test_no_secret_is_shown_to_other_processes(watched: Deployment) -> None:
    proc = Path("/proc") / str(agent(watched).pid)
    shown = (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
    shown += log(watched).encode() + watch.lock_file(watched.layout).read_bytes()
    values = [value.reveal().encode() for value in watched.config.env.values() if len(value) > 20]
    assert not [value for value in values if value in shown]


def test_it_is_small(watched: Deployment) -> None:
    """80 MB is what the whole program may take."""
    until(lambda: health(watched)["postgres"]["healthy"], "every client library is loaded")
    assert identity.resident(agent(watched).pid) < 80_000_000


def test_an_agent_that_cannot_start_says_why(
    prepared: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_START_PATIENCE", 2.0)
    monkeypatch.setattr(watch, "command", lambda _: ("/bin/sh", "-c", "echo no such luck"))
    with pytest.raises(ChangeFailed, match="no such luck"):
        prepared.target.execute(prepared.config, StartWatch(), quiet)
