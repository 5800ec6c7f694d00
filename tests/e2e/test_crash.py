"""`rfdata up` killed anywhere, by any means: the next run ends where an undisturbed one does."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import sleep
from typing import Any

import pytest
from tests.e2e import layer
from tests.e2e.conftest import Born
from tests.e2e.layer import Deployment

from rfdata.model.facts import SERVERS

POINTS = 20
_STEP = re.compile(r"(\d+)/(\d+)  ")


@dataclass(frozen=True)
class Blow:
    """When and how a run of the program is cut short."""

    at: float | str
    """The part of the steps that have begun (0 to 1), or words of the line to wait for."""
    how: str = "process"
    """process: kill -9 to it alone; session: kill -9 to it and what it started; TERM: kill."""
    within: float = 0.0
    """Seconds: that much later at most, by chance."""

    def __str__(self) -> str:
        where = self.at if isinstance(self.at, str) else f"{self.at:.0%}"
        return f"{self.how} at {where}" + (" or a little later" if self.within else "")

    def now(self, line: str) -> bool:
        if isinstance(self.at, str):
            return self.at in line
        step = _STEP.search(line)
        return step is not None and int(step[1]) == max(1, round(self.at * int(step[2])))


EVENLY = [
    Blow(number / POINTS, ("process", "session")[number % 2]) for number in range(1, POINTS + 1)
]
"""In the dev profile, where most of `up` is its steps and not the rehearsal of migrations."""

DURING = [
    Blow("initdb:", "process", 1.0),
    Blow("initdb:", "session", 1.0),
    Blow("start postgres", "session", 0.2),
    Blow("create database", "TERM", 0.2),
    Blow("rehearsal: takes back", "session", 0.2),
    Blow("applies 0006", "process", 0.1),
    Blow("verifying", "process", 0.1),
]


def strike(process: subprocess.Popen[str], blow: Blow) -> bool:
    """Wait for the line, then hit; whether it was hit before it ended by itself."""
    assert process.stderr is not None
    for line in process.stderr:
        if blow.now(line):
            sleep(random.uniform(0, blow.within))
            break
    hit = process.poll() is None
    number = signal.SIGTERM if blow.how == "TERM" else signal.SIGKILL
    if hit and blow.how == "session":
        os.killpg(process.pid, number)
    elif hit:
        process.send_signal(number)
    process.communicate(timeout=layer.PATIENCE)
    return hit


def assert_as_if_nothing_had_happened(found: Deployment, undisturbed: Mapping[str, Any]) -> None:
    """Up again: everything that can be told apart is as after a run that nobody disturbed."""
    report = found.up()
    layer.assert_all_good(report)
    assert layer.outcomes(report) == layer.outcomes(undisturbed)
    assert layer.steps_needed(found) == []
    assert layer.leftovers(found) == []
    found.rfdata("evidence", "verify")
    parents = layer.server_parents(found)
    assert {server: len(pids) for server, pids in parents.items()} == dict.fromkeys(SERVERS, 1)
    assert {server: [process.pid] for server, process in found.pids().items() if process} == parents
    assert len(layer.agents(found)) == 1


@pytest.fixture(scope="module")
def undisturbed_dev(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What the first `up` of a dev layer reports."""
    folder = tmp_path_factory.mktemp("dev") / "deployment"
    with layer.deployment(folder, "--profile", "dev") as found:
        return found.up()


@pytest.mark.parametrize("blow", EVENLY, ids=str)
def test_an_up_killed_anywhere_is_completed_by_the_next(
    make: Callable[..., Deployment], undisturbed_dev: Mapping[str, Any], blow: Blow
) -> None:
    found = make("deployment", "--profile", "dev")
    with found.begin("up", "--yes", "-v", group=True) as process:
        assert strike(process, blow), f"it ended before it came to {blow}"
    assert_as_if_nothing_had_happened(found, undisturbed_dev)


@pytest.mark.parametrize("blow", DURING, ids=str)
def test_a_killed_up_is_completed_by_the_next(
    make: Callable[..., Deployment], born: Born, blow: Blow
) -> None:
    found = make()
    with found.begin("up", "--yes", "-v", group=True) as process:
        assert strike(process, blow) or blow.within, f"it ended before it came to {blow}"
    assert_as_if_nothing_had_happened(found, born.report)


def test_killed_again_and_again_it_still_comes_to_its_end(
    make: Callable[..., Deployment], born: Born
) -> None:
    found = make()
    for at in (0.25, 0.6, 0.5, 0.5):
        with found.begin("up", "--yes", "-v", group=True) as process:
            strike(process, Blow(at, "session"))
    assert_as_if_nothing_had_happened(found, born.report)


@pytest.mark.parametrize("at", [0.1, "initdb:", 0.7])
def test_ctrl_c_ends_with_130_and_the_next_run_goes_on(
    make: Callable[..., Deployment], born: Born, at: float | str
) -> None:
    found = make()
    with found.begin("up", "--yes", "-v", group=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if Blow(at).now(line):
                break
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=layer.PATIENCE)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert_as_if_nothing_had_happened(found, born.report)


# --- changes to a layer that is there


def test_a_restart_that_was_cut_short_is_completed(live: Deployment, born: Born) -> None:
    with live.connect() as connection, live.migrator() as migrator:
        migrator.execute("CREATE TABLE acknowledged (n int)")
        connection.execute("INSERT INTO acknowledged VALUES (1)")
    live.set("postgres", "max_connections", "210")
    with live.begin("up", "--yes", "-v", group=True) as process:
        strike(process, Blow("RESTART postgres", "process", 0.3))
    assert_as_if_nothing_had_happened(live, born.report)
    assert live.setting("max_connections") == "210"
    with live.connect() as connection, live.migrator() as migrator:
        assert connection.execute("SELECT n FROM acknowledged").fetchall() == [(1,)]
        migrator.execute("DROP TABLE acknowledged")


@pytest.mark.parametrize("words", ["stopping redis", "stopping postgres"])
def test_a_killed_down_is_completed_by_the_next(live: Deployment, born: Born, words: str) -> None:
    with live.begin("down", "--yes", "-v", group=True) as process:
        strike(process, Blow(words, "process", 0.1))
    live.rfdata("down", "--yes")
    assert set(live.pids().values()) == {None}
    assert layer.processes_of(live.directory, live.state) == []
    assert_as_if_nothing_had_happened(live, born.report)


def test_a_renewal_that_was_cut_short_leaves_servers_that_start(
    live: Deployment, born: Born
) -> None:
    for _ in range(5):
        with live.begin("certs", "renew", group=True) as process:
            sleep(random.uniform(0.2, 0.6))
            process.kill()
    live.rfdata("down", "--yes")
    layer.assert_all_good(live.up())
    live.rfdata("certs", "renew")  # takes away what the interrupted ones left
    assert_as_if_nothing_had_happened(live, born.report)


def test_all_servers_killed_at_once_come_back_with_everything(live: Deployment, born: Born) -> None:
    with live.connect() as connection, live.migrator() as migrator:
        migrator.execute("CREATE TABLE acknowledged (n int)")
        connection.execute("INSERT INTO acknowledged VALUES (1)")
    with live.redis("redis-durable") as client:
        client.set("acknowledged", "1")
    for pid in layer.agents(live):
        os.kill(pid, signal.SIGKILL)
    for running in live.pids().values():
        layer.kill(running)
    report = live.up(code=(0, 1))
    # A server that was killed has told so in its log: that may be seen, everything else is good.
    assert {check for check in layer.bad(report) if "." in check and not check[0].isdigit()} <= {
        f"logs.{server}_startup" for server in SERVERS
    }
    with live.connect() as connection, live.migrator() as migrator:
        assert connection.execute("SELECT n FROM acknowledged").fetchall() == [(1,)]
        migrator.execute("DROP TABLE acknowledged")
    with live.redis("redis-durable") as client:
        assert client.get("acknowledged") == "1"
        client.delete("acknowledged")
