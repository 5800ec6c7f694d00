"""Nothing is applied that nobody agreed to: kept plans, stale plans, nobody to ask, two at once."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import warnings
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest
from tests.e2e import layer
from tests.e2e.layer import Deployment


def test_up_without_a_yes_and_without_a_terminal_does_nothing(live: Deployment) -> None:
    live.set("redis", "maxmemory", '"1100MB"')
    before, log = live.pids(), live.evidence_log.read_bytes()
    refused = live.rfdata("up", code=2)
    assert "--yes" in refused.err
    assert "set maxmemory" in refused.err, "the plan was to be seen"
    assert live.redis_setting("maxmemory") == str(1024**3)
    assert live.pids() == before
    assert live.evidence_log.read_bytes() == log


def test_up_without_a_yes_is_fine_when_there_is_nothing_to_do(calm: Deployment) -> None:
    assert "Nothing changed" in calm.rfdata("up").out


def test_down_without_a_yes_and_without_a_terminal_stops_nothing(calm: Deployment) -> None:
    before = calm.pids()
    assert "--yes" in calm.rfdata("down", code=2).err
    assert calm.pids() == before


def test_a_kept_plan_is_applied_as_it_was_shown(live: Deployment, tmp_path: Path) -> None:
    live.set("redis", "maxmemory", '"1100MB"')
    kept = tmp_path / "plan.json"
    live.rfdata("plan", "--out", kept)
    assert kept.stat().st_mode & 0o777 == 0o600
    done = live.rfdata("up", "--plan", kept, "--format", "json").json
    assert json.loads(kept.read_text())["digest"] == done["plans"][0]
    assert live.redis_setting("maxmemory") == str(1100 * 1024**2)


def test_what_a_kept_plan_could_not_foresee_is_not_done_and_not_hidden(
    live: Deployment, tmp_path: Path
) -> None:
    """A stopped server shows what is inside only once it runs: that is for another plan."""
    with live.operator() as connection:
        connection.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    live.rfdata("down", "--yes")
    kept = tmp_path / "plan.json"
    live.rfdata("plan", "--out", kept)
    ended = live.rfdata("up", "--plan", kept, code=(1, 2))
    assert "nothing was done" not in ended.said
    assert all(live.pids().values())
    assert [step["summary"] for step in live.plan()] == [
        "revoke CREATE on schema public from PUBLIC"
    ]


CHANGES: dict[str, Callable[[Deployment], object]] = {
    "the configuration": lambda live: live.set("postgres", "log_statement", '"all"'),
    "the layer": lambda live: live.admin(
        "redis", "CONFIG", "SET", "maxmemory-policy", "noeviction"
    ),
    "the value it starts from": lambda live: live.admin(
        "redis", "CONFIG", "SET", "maxmemory", "99mb"
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_stale_plan_is_refused_and_nothing_is_done(
    live: Deployment, tmp_path: Path, change: str
) -> None:
    live.set("redis", "maxmemory", '"1100MB"')
    kept = tmp_path / "plan.json"
    live.rfdata("plan", "--out", kept)
    CHANGES[change](live)
    rendered = [live.state / server / "conf" for server in ("redis", "redis-durable")]
    value, before = live.redis_setting("maxmemory"), live.pids()
    with layer.nothing_changes(live.directory, *rendered):
        refused = live.rfdata("up", "--plan", kept, code=2)
    assert "changed" in refused.err
    assert "plan" in refused.err
    assert live.redis_setting("maxmemory") == value
    assert live.pids() == before


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"digest": 7}', '"text"', "\0", "{" * 10_000])
def test_a_file_that_is_no_plan_is_refused(live: Deployment, tmp_path: Path, content: str) -> None:
    live.set("redis", "maxmemory", '"1100MB"')
    kept = tmp_path / "plan.json"
    kept.write_text(content)
    refused = live.rfdata("up", "--plan", kept, code=2)
    assert str(kept) in refused.err or "plan" in refused.err
    assert live.redis_setting("maxmemory") == str(1024**3)


def test_a_missing_plan_is_refused(calm: Deployment, tmp_path: Path) -> None:
    calm.rfdata("up", "--plan", tmp_path / "nowhere.json", code=2)


# --- a person at a terminal


class Terminal:
    """`rfdata` with a terminal in front of it, on which somebody types."""

    def __init__(self, found: Deployment, *arguments: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pytest-xdist has a thread
            self.pid, self.screen = pty.fork()
        if self.pid == 0:  # pragma: no cover - becomes the program
            os.execv(layer.RFDATA, (str(layer.RFDATA), "-C", str(found.directory), *arguments))
        self.shown = ""

    def read_until(self, words: str) -> None:
        while words not in self.shown:
            assert self._read(), f"it ended before it said {words!r}: {self.shown}"

    def _read(self) -> bool:
        """Take in what is shown; False once the program has ended."""
        deadline = monotonic() + layer.PATIENCE
        while not select.select([self.screen], [], [], 1)[0]:
            assert monotonic() < deadline, f"it says nothing more: {self.shown}"
        try:
            part = os.read(self.screen, 65536)
        except OSError:  # how a terminal says that its program has ended
            return False
        self.shown += part.decode(errors="replace")
        return bool(part)

    def type(self, text: str) -> None:
        sleep(
            0.3
        )  # nobody answers at once; and Python may miss a ^C in the instant before it reads
        os.write(self.screen, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.screen)
        return os.waitstatus_to_exitcode(status)


def test_a_person_who_says_yes_gets_exactly_what_was_shown(live: Deployment) -> None:
    live.set("redis", "maxmemory", '"1100MB"')
    person = Terminal(live, "up")
    person.read_until("[y/N]")
    assert "set maxmemory" in person.shown
    sleep(1)
    question = person.shown.rpartition("[y/N]")[2]
    assert "\r" not in question, f"something was drawn over the question: {question!r}"
    person.type("y\n")
    assert person.end() == 0, person.shown
    assert live.redis_setting("maxmemory") == str(1100 * 1024**2)


@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04", "\x03"])
def test_a_person_who_does_not_say_yes_gets_nothing(live: Deployment, answer: str) -> None:
    live.set("redis", "maxmemory", '"1100MB"')
    person = Terminal(live, "up")
    person.read_until("[y/N]")
    person.type(answer)
    assert person.end() == (130 if answer in "\x03\x04" else 2), person.shown
    assert "Traceback" not in person.shown
    assert live.redis_setting("maxmemory") == str(1024**3)


def test_what_changes_while_a_person_reads_is_not_applied(live: Deployment) -> None:
    live.set("redis", "maxmemory", '"1100MB"')
    person = Terminal(live, "up")
    person.read_until("[y/N]")
    live.admin("redis", "CONFIG", "SET", "maxmemory-policy", "noeviction")
    person.type("y\n")
    assert person.end() == 2, person.shown
    assert "changed" in person.shown
    assert live.redis_setting("maxmemory") == str(1024**3)


# --- two at the same time


def test_a_second_up_at_the_same_time_is_refused_and_names_the_first(live: Deployment) -> None:
    """The first is anyone who holds the deployment's lock."""
    with open(live.directory / ".lock", "r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.truncate()
        held.write("rfdata up (process 4711)")
        held.flush()
        for verb in (("up", "--yes"), ("down", "--yes"), ("certs", "renew")):
            with layer.nothing_changes(live.directory):
                refused = live.rfdata(*verb, code=2)
            assert "rfdata up (process 4711)" in refused.err
            assert "wait" in refused.err
        live.rfdata("verify")
        live.rfdata("status")
    assert "Nothing changed" in live.rfdata("up", "--yes").out


def test_two_real_ups_at_once_end_in_one_layer(live: Deployment) -> None:
    live.rfdata("down", "--yes")
    both = [live.begin("up", "--yes", "--format", "json") for _ in range(2)]
    codes = []
    for process in both:
        out, err = process.communicate(timeout=layer.PATIENCE)
        codes.append(process.returncode)
        assert "Traceback" not in out + err
        assert process.returncode == 0 or "at work here" in err, err
    assert sorted(codes) in ([0, 0], [0, 2])
    layer.assert_all_good(live.up())
    assert all(len(parents) == 1 for parents in layer.server_parents(live).values())
