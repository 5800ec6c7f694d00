"""The short answer to `migrate up`: given only for what is exactly as it was, and never an error."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Deploy

import rfdata
from rfdata.cli import settled
from rfdata.cli.settled import FILE, nothing_to_do, state

LONG_AGO = 1_600_000_000


@pytest.fixture
def directory(deploy: Deploy) -> Path:
    """A deployment in which nothing has changed for long."""
    found = deploy()
    age(found)
    return found


def age(directory: Path) -> None:
    for path in directory.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))


def at_rest(directory: Path) -> str:
    """The state as somebody sees it later: when a change happened can't be set, only waited for."""
    return state(str(directory), racy=-60.0)


CHANGES: dict[str, Callable[[Path], object]] = {
    "text of the same length": lambda d: (d / "migrations/0003_session.sql").write_text(
        (d / "migrations/0003_session.sql").read_text()[::-1]
    ),
    "a file more": lambda d: (d / "migrations/0010_x.sql").write_text("SELECT 1;\n"),
    "a file less": lambda d: (d / "migrations/0009_knowledge.sql").unlink(),
    "a rollback": lambda d: (d / "migrations/rollback/0001_foundations.sql").write_text(""),
    "a proof": lambda d: (d / "migrations/verify/0001_foundations.sql").unlink(),
    "another name": lambda d: (d / "migrations/0009_knowledge.sql").rename(
        d / "migrations/0010_knowledge.sql"
    ),
    "the configuration": lambda d: (d / "rfdata.toml").write_text("[postgres]\nport = 1\n"),
    "a password": lambda d: (d / ".env").write_text("A=b\n"),
    "touched": lambda d: (d / "migrations/0001_foundations.sql").touch(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_every_change_shows(directory: Path, change: Callable[[Path], object]) -> None:
    before = at_rest(directory)
    assert before == at_rest(directory)
    change(directory)
    assert at_rest(directory) != before


def test_what_is_nobodys_business_does_not_show(directory: Path) -> None:
    before = at_rest(directory)
    (directory / "reports").mkdir()
    (directory / FILE).write_text("x")
    assert at_rest(directory) == before


def test_a_file_that_changed_just_now_is_in_doubt(directory: Path) -> None:
    assert state(str(directory), racy=3600.0) == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["migrate", "up", "--to", "3"],
        ["migrate", "up", "--format", "json"],
        ["migrate", "up", "--resume", "3"],
        ["migrate", "down"],
        ["migrate"],
        ["up"],
        [],
        ["-C"],
        ["-C", "x", "migrate", "status"],
    ],
)
def test_other_calls_take_the_whole_way(arguments: list[str]) -> None:
    assert settled._directory(arguments) is None
    assert nothing_to_do(arguments) is False


def test_only_a_plain_call_is_looked_at() -> None:
    assert settled._directory(["migrate", "up"]) == "."
    assert settled._directory(["-C", "x", "migrate", "up", "--yes"]) == "x"


@pytest.mark.parametrize("spoilt", ["", "x", "\n" * 5, "0\n" * 40, "\0", "version"])
def test_a_spoilt_note_is_no_answer(directory: Path, spoilt: str) -> None:
    (directory / FILE).write_text(spoilt)
    assert nothing_to_do(["-C", str(directory), "migrate", "up"]) is False
    (directory / FILE).write_bytes(b"\xff\xfe")
    assert nothing_to_do(["-C", str(directory), "migrate", "up"]) is False


def test_without_the_server_there_is_no_answer(directory: Path) -> None:
    fields = (rfdata.__version__, at_rest(directory), "/nowhere", "a", "b", "c")
    (directory / FILE).write_text("\n".join(fields))
    assert nothing_to_do(["-C", str(directory), "migrate", "up"]) is False
    assert nothing_to_do(["-C", str(directory / "nowhere"), "migrate", "up"]) is False
