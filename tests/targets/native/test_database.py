"""initdb: all of it or nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from tests.targets.native.conftest import Deployment, quiet, until

from rfdata.errors import ProgramFailed, UsageError
from rfdata.model.plan import InitDatabase, IssueCertificate, StartServer
from rfdata.postgres.client import operator

INTERRUPTED = """
import sys
from pathlib import Path
from rfdata.config.load import load
from rfdata.model.plan import InitDatabase
from rfdata.targets.native.target import NativeTarget
config = load(Path(sys.argv[1]))
NativeTarget(config).execute(config, InitDatabase(tuple(sys.argv[2:])), print)
"""


@pytest.fixture
def empty(fresh: Deployment) -> Deployment:
    """Everything that PostgreSQL needs but its data."""
    fresh.prepare("redis")
    step = IssueCertificate("postgres", ("localhost", "127.0.0.1"), 30)
    fresh.target.execute(fresh.config, step, quiet)
    return fresh


def arguments(deployment: Deployment) -> tuple[str, ...]:
    return (*deployment.desired().initdb_arguments, "--no-sync")


def test_checksums_encoding_and_who_gets_in(empty: Deployment) -> None:
    found = arguments(empty)
    empty.target.execute(empty.config, InitDatabase(found), quiet)
    data = empty.home("postgres").data
    assert data.stat().st_mode & 0o777 == 0o700
    if os.geteuid() == 0:
        assert data.owner() == empty.home("postgres").user
    hba = (data / "pg_hba.conf").read_text()
    assert "scram-sha-256" in hba
    assert "trust" not in [line.split()[-1] for line in hba.splitlines() if line.split()]


def test_doing_it_twice_changes_nothing(postgres: Deployment) -> None:
    marker = postgres.home("postgres").data / "PG_VERSION"
    before = marker.stat()
    postgres.target.execute(postgres.config, InitDatabase(arguments(postgres)), quiet)
    assert marker.stat() == before


def test_a_folder_with_something_else_in_it_is_left_alone(empty: Deployment) -> None:
    data = empty.home("postgres").data
    data.mkdir()
    (data / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="neither empty nor"):
        empty.target.execute(empty.config, InitDatabase(arguments(empty)), quiet)
    assert (data / "letter.txt").read_text() == "mine"


def test_an_initdb_that_fails_leaves_no_data_folder(empty: Deployment) -> None:
    with pytest.raises(ProgramFailed, match="initdb"):
        empty.target.execute(empty.config, InitDatabase(("--encoding=nonsense",)), quiet)
    assert not empty.home("postgres").data.exists()


@pytest.mark.parametrize("part", ["PG_VERSION", "global/pg_control", "base/5"])
def test_killed_in_the_middle_it_is_done_again(empty: Deployment, part: str) -> None:
    """Also while the orphaned initdb is still at work."""
    home, found = empty.home("postgres"), arguments(empty)
    argv = [sys.executable, "-c", INTERRUPTED, str(empty.directory), *found]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as interrupted:
        until(lambda: list(home.root.glob(f"data.new-*/{part}")), f"initdb writes {part}")
        interrupted.send_signal(signal.SIGKILL)
    empty.target.execute(empty.config, InitDatabase(found), quiet)
    for file in empty.desired().data_files:
        empty.target.execute(empty.config, file, quiet)
    empty.target.execute(empty.config, StartServer("postgres"), quiet)
    port = empty.config.settings.postgres.port
    with operator(empty.layout.socket_folder, port) as connection:
        row = connection.execute("SELECT current_setting('data_checksums')").fetchone()
        assert row == ("on",)
