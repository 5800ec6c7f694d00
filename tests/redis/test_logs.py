"""Finding what went wrong since the last start, without reading a large log whole."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from time import monotonic, perf_counter, sleep

import pytest
from tests.redis.conftest import Instance, Launch

from rfdata.model.facts import LogState
from rfdata.redis import logs

START = "7:C 22 Nov 2025 10:00:00.000 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\n"
FATAL = "7:M 22 Nov 2025 10:00:00.001 # Can't open the append-only file: Permission denied\n"
NOTICE = "7:M 22 Nov 2025 10:00:00.002 * Ready to accept connections\n"
HARMLESS = [
    "7:C 22 Nov 2025 10:00:00.000 # Configuration loaded\n",
    "7:M 22 Nov 2025 10:00:00.000 # Server initialized\n",
    "7:M 22 Nov 2025 10:00:00.000 # WARNING Memory overcommit must be enabled! Without it …\n",
    "7:M 22 Nov 2025 10:00:00.000 # Error accepting a client connection: error:0A00010B:SSL rou…\n",
    "7:M 22 Nov 2025 10:00:00.000 # User requested shutdown...\n",
    "7:M 22 Nov 2025 10:00:00.000 # Redis is now ready to exit, bye bye...\n",
]


def test_only_what_came_after_the_last_start_counts(tmp_path: Path) -> None:
    (tmp_path / "redis.log").write_text(START + FATAL + START + NOTICE + "".join(HARMLESS))
    assert logs.state(tmp_path).startup_errors == ()
    (tmp_path / "redis.log").write_text(FATAL + START + NOTICE + FATAL)
    assert logs.state(tmp_path).startup_errors == (FATAL.rstrip(),)


def test_the_start_is_found_in_a_rotated_file(tmp_path: Path) -> None:
    for number, (name, text) in enumerate(
        [
            ("redis.log.2", START + FATAL * 3),
            ("redis.log.1", START + FATAL),
            ("redis.log", NOTICE + FATAL),
            ("startup.log", FATAL),
        ]
    ):
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (number, number))
    state = logs.state(tmp_path)
    assert len(state.startup_errors) == 2
    assert {file.name for file in state.files} == {"redis.log", "redis.log.1", "redis.log.2"}


def test_at_most_ten_are_shown(tmp_path: Path) -> None:
    (tmp_path / "redis.log").write_text(START + FATAL * 30)
    assert len(logs.state(tmp_path).startup_errors) == logs.ERRORS_SHOWN


@pytest.mark.parametrize("lead", [0, 1, 70, 256 * 1024 - 40, 256 * 1024])
def test_the_start_is_found_wherever_a_block_ends(tmp_path: Path, lead: int) -> None:
    text = FATAL + "x" * lead + "\n" + START + NOTICE * 5000
    (tmp_path / "redis.log").write_text(text)
    assert logs.state(tmp_path).startup_errors == ()


def test_a_large_log_costs_little(tmp_path: Path) -> None:
    (tmp_path / "redis.log").write_bytes((NOTICE * 20).encode() * 8_000)
    assert (tmp_path / "redis.log").stat().st_size > 8_000_000
    began = perf_counter()
    logs.state(tmp_path)
    assert perf_counter() - began < 3
    tracemalloc.start()
    logs.state(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


def test_a_server_that_cannot_read_its_certificate_says_so(launch: Launch) -> None:
    instance = launch(start=False)
    instance.paths.certificate.write_text("no certificate")
    instance.launch()
    assert any("Failed to load certificate" in line for line in _told(instance))


def test_an_empty_folder_has_no_errors(tmp_path: Path) -> None:
    assert logs.state(tmp_path) == LogState((), ())


def test_a_server_that_could_not_start_says_why(launch: Launch) -> None:
    """A dump that is none: Redis ends at once, with lines of level #."""
    instance = launch(start=False, extra="\nappendonly no\n")
    (instance.paths.data / "dump.rdb").write_bytes(b"this is no snapshot")
    (instance.paths.data / "dump.rdb").chmod(0o644)
    instance.launch()
    assert "Wrong signature" in _told(instance)[0]


def _told(instance: Instance) -> tuple[str, ...]:
    deadline = monotonic() + 10
    while not (told := logs.state(instance.paths.log.parent).startup_errors):
        assert monotonic() < deadline
        sleep(0.01)
    return told
