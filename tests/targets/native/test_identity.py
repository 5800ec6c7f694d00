"""Who is a server of ours: its pid file and its folder together, never a number or a name alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.targets.native.conftest import until

from rfdata.targets.native import identity
from rfdata.targets.native.identity import Running
from rfdata.targets.native.layout import Home

Spawn = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*argv: str, cwd: Path = Path("/")) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(argv, cwd=cwd))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home("redis", "redis", tmp_path / "redis")
    for folder in (made.data, made.run):
        folder.mkdir(parents=True)
    return made


def test_a_process_in_the_data_folder_that_the_pid_file_names_is_ours(
    home: Home, spawn: Spawn
) -> None:
    process = spawn("sleep", "60", cwd=home.data)
    home.pid_file.write_text(f"{process.pid}\n")
    found = identity.running(home)
    assert found is not None
    assert found.pid == process.pid
    assert found.alive


def test_a_stranger_that_got_the_number_is_not(home: Home, spawn: Spawn) -> None:
    stranger = spawn("sleep", "60")
    home.pid_file.write_text(f"{stranger.pid}\n")
    assert identity.running(home) is None
    assert identity.names_a_process(home.pid_file)


@pytest.mark.parametrize("text", ["", "\n", "-1\n", "0\n", "1\n", "no number", "99999999\n"])
def test_a_pid_file_that_names_nobody(home: Home, text: str) -> None:
    home.pid_file.write_text(text)
    assert identity.running(home) is None


def test_no_folder_and_no_pid_file(tmp_path: Path) -> None:
    home = Home("postgres", "postgres", tmp_path / "none")
    assert identity.running(home) is None
    assert identity.leftovers(home) == ()


def test_the_dead_are_not_alive_though_nobody_collected_them(home: Home, spawn: Spawn) -> None:
    process = spawn("sleep", "60", cwd=home.data)
    home.pid_file.write_text(f"{process.pid}\n")
    found = identity.running(home)
    assert found is not None
    process.send_signal(signal.SIGKILL)
    until(lambda: not found.alive, "the process becomes a zombie")
    assert identity.running(home) is None
    assert identity.names_a_process(home.pid_file)


def test_a_process_lives_until_its_last_thread_has_ended(spawn: Spawn) -> None:
    """Until then it holds its port: a restart that came too early would find it taken."""
    code = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(1,)).start()\n"
        "print('ready', flush=True)\n"
        "ctypes.CDLL(None).syscall(60, 0)\n"
    )
    if os.uname().machine != "x86_64":
        pytest.skip("the number of the exit call is another one here")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    stat = Path(f"/proc/{process.pid}/stat")
    until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", "the first thread ends")
    assert identity.started(process.pid) is not None
    until(lambda: identity.started(process.pid) is None, "the last thread ends")
    process.stdout.close()
    process.wait()


def test_a_signal_meets_only_the_process_it_was_meant_for(spawn: Spawn) -> None:
    process = spawn("sleep", "60")
    ticks = identity.started(process.pid)
    assert ticks is not None
    identity.send(Running(process.pid, ticks - 1), signal.SIGKILL)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.1)
    identity.send(Running(process.pid, ticks), signal.SIGKILL)
    assert process.wait(5) == -signal.SIGKILL
    identity.send(Running(process.pid, ticks), signal.SIGKILL)


def test_what_still_works_in_the_data_folder_is_found_by_folder(home: Home, spawn: Spawn) -> None:
    program = home.root / "postgres"
    shutil.copy("/bin/sleep", program)
    worker = spawn(str(program), "60", cwd=home.data)
    spawn(str(program), "60")
    spawn("sleep", "60", cwd=home.data)
    assert identity.leftovers(home) == (worker.pid,)


def test_a_program_that_was_replaced_keeps_its_name(home: Home, spawn: Spawn) -> None:
    program = home.root / "redis-server"
    shutil.copy("/bin/sleep", program)
    process = spawn(str(program), "60")
    program.unlink()
    assert identity.program(process.pid) == "redis-server"


def test_memory_of_a_family_counts_what_it_shares_once() -> None:
    alone = identity.resident(os.getpid())
    assert 5_000_000 < alone < 2_000_000_000
    with subprocess.Popen(["sleep", "60"]) as child:
        assert child.pid in identity.family(os.getpid())
        child.kill()
