"""What the log says went wrong since the last start, without reading all of it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.postgres.conftest import Cluster, new_cluster

from rfdata.errors import ProgramFailed, Unreachable
from rfdata.postgres import logs

START = "LOG:  starting PostgreSQL 16.14 on x86_64-pc-linux-gnu"


def line(text: str, state: str = "00000", client: str = "") -> str:
    return f"2026-01-01 00:00:00.000 UTC [1] {state} user= db= app= client={client} {text}\n"


def write(folder: Path, name: str, content: str, age: int = 0) -> None:
    path = folder / name
    path.write_text(content)
    os.utime(path, (time.time() - age, time.time() - age))


def errors(folder: Path) -> list[str]:
    return [error.rpartition("client= ")[2] for error in logs.read(folder).startup_errors]


def test_only_after_the_last_start(tmp_path: Path) -> None:
    text = line(START) + line("FATAL:  old", "XX000") + line(START) + line("PANIC:  new", "XX000")
    write(tmp_path, "postgresql-1.log", text)
    assert errors(tmp_path) == ["PANIC:  new"]


def test_across_files_newest_last(tmp_path: Path) -> None:
    write(tmp_path, "postgresql-1.log", line("FATAL:  older", "XX000"), age=30)
    write(tmp_path, "postgresql-2.log", line(START) + line("FATAL:  first", "58P01"), age=20)
    write(tmp_path, "postgresql-3.log", line("FATAL:  second", "XX001"), age=10)
    assert errors(tmp_path) == ["FATAL:  first", "FATAL:  second"]


@pytest.mark.parametrize(
    "state",
    ["28000", "28P01", "3D000", "08P01", "08006", "57P01", "57P03", "57P05", "25P03", "0A000"],
)
def test_clients_own_mistakes_are_left_out(tmp_path: Path, state: str) -> None:
    write(tmp_path, "postgresql-1.log", line(START) + line("FATAL:  yours", state, "10.0.0.1"))
    assert errors(tmp_path) == []


@pytest.mark.parametrize("state", ["53300", "53200", "XX000", "58030", "F0000", "57P02", "53100"])
def test_the_server_s_own_troubles_are_not(tmp_path: Path, state: str) -> None:
    write(tmp_path, "postgresql-1.log", line(START) + line("FATAL:  ours", state))
    assert errors(tmp_path) == ["FATAL:  ours"]


def test_words_in_a_message_or_a_name_are_no_level(tmp_path: Path) -> None:
    text = line(START) + line('LOG:  statement: SELECT "FATAL:  no"') + "\tFATAL:  continued\n"
    write(tmp_path, "postgresql-1.log", text)
    assert errors(tmp_path) == []


def test_at_most_ten_and_the_newest(tmp_path: Path) -> None:
    text = line(START) + "".join(line(f"FATAL:  {n}", "XX000") for n in range(25))
    write(tmp_path, "postgresql-1.log", text)
    assert errors(tmp_path) == [f"FATAL:  {n}" for n in range(15, 25)]


def test_a_huge_log_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "postgresql-1.log"
    with open(path, "wb") as stream:
        stream.truncate(2 * 1024**3)
        stream.seek(0, os.SEEK_END)
        stream.write(b"\n" + line("FATAL:  at the end", "XX000").encode())
    began = time.perf_counter()
    assert errors(tmp_path) == ["FATAL:  at the end"]
    assert time.perf_counter() - began < 1
    assert logs.read(tmp_path).files[0].size > 2 * 1024**3


def test_no_folder_no_reading(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        logs.read(tmp_path / "none")
    with pytest.raises(Unreachable):
        logs.read(tmp_path)


def test_a_real_server_s_log_is_clean_after_all_our_probes(cluster: Cluster) -> None:
    assert cluster.facts().probes.login.value.accepted
    assert "28P01" in cluster.log_text
    assert cluster.facts().log.value.startup_errors == ()


def test_a_start_that_failed_is_on_record_until_one_works() -> None:
    with new_cluster() as fresh:
        fresh.stop()
        label = fresh.paths.data / "backup_label"
        fresh.write(label, "nonsense\n")
        with pytest.raises(ProgramFailed):
            fresh.start()
        failed = logs.read(fresh.paths.logs).startup_errors
        label.unlink()
        fresh.start()
        assert fresh.facts().log.value.startup_errors == ()
    assert any("backup_label" in error for error in failed)
