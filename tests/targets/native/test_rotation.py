"""Logs never grow beyond what was asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rfdata.targets.native import rotation


def names(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_a_small_log_stays(tmp_path: Path) -> None:
    log = tmp_path / "redis.log"
    log.write_text("short")
    assert rotation.rotate(log, 6, 3) is False
    assert names(tmp_path) == {"redis.log": "short"}


def test_no_log_is_no_error(tmp_path: Path) -> None:
    assert rotation.rotate(tmp_path / "redis.log", 1, 3) is False


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        (1, {}),
        (2, {"redis.log.1": "4"}),
        (3, {"redis.log.1": "4", "redis.log.2": "3"}),
    ],
)
def test_the_newest_are_kept(tmp_path: Path, kept: int, left: dict[str, str]) -> None:
    log = tmp_path / "redis.log"
    for text in ("1", "2", "3", "4"):
        log.write_text(text)
        assert rotation.rotate(log, 1, kept) is True
    assert names(tmp_path) == left


def test_fewer_than_before_are_kept(tmp_path: Path) -> None:
    for number in range(1, 6):
        (tmp_path / f"redis.log.{number}").write_text(str(number))
    (tmp_path / "redis.log.old").write_text("a person's own")
    log = tmp_path / "redis.log"
    log.write_text("new")
    rotation.rotate(log, 1, 2)
    assert names(tmp_path) == {"redis.log.1": "new", "redis.log.old": "a person's own"}


def test_the_newest_by_time_are_kept(tmp_path: Path) -> None:
    for number in range(7):
        path = tmp_path / f"postgresql-{number}.log"
        path.write_text("")
        os.utime(path, (number, number))
    (tmp_path / "notes.txt").write_text("")
    removed = rotation.prune(tmp_path, "postgresql-*.log", 5)
    assert [path.name for path in removed] == ["postgresql-0.log", "postgresql-1.log"]
    assert len(names(tmp_path)) == 6
    assert rotation.prune(tmp_path, "postgresql-*.log", 5) == ()
