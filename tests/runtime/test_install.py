from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rfdata.errors import ChangeFailed, ProgramMissing
from rfdata.runtime import install
from rfdata.runtime.install import ensure, ensure_postgres, ensure_redis

Executable = Callable[[Path, str], Path]


@pytest.fixture
def bare(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose PATH holds a shell's few programs, and no Redis."""
    folder = place / "bin"
    folder.mkdir()
    for name in ("sh", "cp", "echo", "mkdir"):
        (folder / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_what_is_there_is_left_alone() -> None:
    first = ensure(lambda text: None)
    said: list[str] = []
    assert ensure(said.append) == first
    assert said == []


def test_without_the_right_to_install_the_one_command_is_named(
    bare: Path, executable: Executable, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(bare / "apt-get", "exit 9")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ProgramMissing) as raised:
        ensure_redis(print)
    assert raised.value.hint == (
        "run `sudo apt-get install -y --no-install-recommends redis-server redis-tools`"
    )


def test_where_apt_is_unknown_the_packages_are_for_the_person(bare: Path) -> None:
    with pytest.raises(ProgramMissing) as raised:
        ensure_redis(print)
    assert "from your packages" in raised.value.hint


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(install, "APT_LISTS", place / "no lists")
    monkeypatch.setattr(install, "SYSTEMD_RUNS", place)


@pytest.mark.usefixtures("as_root")
def test_root_installs_the_packages_and_hears_of_the_service(
    bare: Path, executable: Executable, fake_redis: Callable[..., Path]
) -> None:
    log = bare / "log"
    brings = f"[ $1 = install ] && cp '{fake_redis('7.0.15')}' '{bare}/redis-server'"
    executable(bare / "apt-get", f"echo \"$@\" $DEBIAN_FRONTEND >> '{log}'\n{brings}\nexit 0")
    said: list[str] = []
    assert ensure_redis(said.append).server == bare / "redis-server"
    update, installation = log.read_text().splitlines()
    assert update == "-qq update noninteractive"
    assert installation.startswith("install -y --no-install-recommends redis-server redis-tools")
    assert any("port 6379" in text for text in said)


@pytest.mark.usefixtures("as_root")
def test_a_failing_package_manager_is_quoted(bare: Path, executable: Executable) -> None:
    executable(bare / "apt-get", "echo 'E: Unable to locate package redis-server' >&2; exit 100")
    with pytest.raises(ProgramMissing, match="Unable to locate package") as raised:
        ensure_redis(print)
    assert raised.value.hint.startswith("run `apt-get install")


@pytest.mark.usefixtures("as_root")
def test_a_release_whose_redis_is_too_old_says_so(
    bare: Path, executable: Executable, fake_redis: Callable[..., Path]
) -> None:
    brings = f"[ $1 = install ] && cp '{fake_redis('6.0.16')}' '{bare}/redis-server'"
    executable(bare / "apt-get", f"{brings}\nexit 0")
    with pytest.raises(ProgramMissing, match=r"version 6\.0\.16, older than 7"):
        ensure_redis(print)


def test_a_folder_that_cannot_be_written_is_named(
    bare: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rfdata.runtime.find.DEBIAN_BIN", place / "none")
    (place / "file").touch()
    with pytest.raises(ChangeFailed, match="could not be assembled") as raised:
        ensure_postgres(print, root=place / "file" / "runtime")
    assert "writable" in raised.value.hint
