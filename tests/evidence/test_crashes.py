"""Killed at any point, by any number of writers: nothing acknowledged is lost, the chain stays one."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rfdata.evidence import log
from rfdata.evidence.snapshot import LOG, Mark, write_head
from rfdata.model.evidence import Evidence

Append = Callable[..., Evidence]

WRITER = """
import sys
from pathlib import Path
from rfdata.evidence import log
folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for number in range(count):
    found = log.append(folder, "applied", {"of": name, "n": number, "fill": "x" * 50_000}, by="a", version="0")
    print(found.seq, found.hash, flush=True)
"""


def writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_an_interrupted_record_is_set_aside_at_every_offset(folder: Path, append: Append) -> None:
    first = append(text="kept")
    path = folder / LOG
    kept = path.read_bytes()
    append(text="never acknowledged")
    line = path.read_bytes()[len(kept) :]
    for cut in range(len(line)):
        path.write_bytes(kept + line[:cut])
        write_head(folder, Mark(1, first.hash))
        (folder / "torn-2").unlink(missing_ok=True)
        before = log.verify(folder)
        assert (before.ok, before.records, before.torn) == (True, 1, cut)
        assert list(log.read(folder)) == [first]
        added = append(text="next")
        records = list(log.read(folder))
        assert [e.kind for e in records] == ["applied"] + ["repaired"] * bool(cut) + ["applied"]
        assert (records[0], records[-1]) == (first, added)
        if cut:
            assert (folder / "torn-2").read_bytes() == line[:cut]
            assert records[1].data["bytes"] == cut
        assert log.verify(folder).ok


def test_a_record_without_its_head_is_kept(folder: Path, append: Append) -> None:
    first, second = append(), append()
    write_head(folder, Mark(1, first.hash))
    assert log.verify(folder).ok
    assert log.head(folder) == second.hash
    third = append()
    assert [e.seq for e in log.read(folder)] == [1, 2, 3]
    assert third.previous == second.hash


def test_the_very_first_record_without_its_head(folder: Path, append: Append) -> None:
    append()
    (folder / "head").unlink()
    assert log.verify(folder).ok
    assert append().seq == 2


@pytest.mark.parametrize("cut_off", [False, True])
def test_a_repair_that_was_itself_interrupted(folder: Path, append: Append, cut_off: bool) -> None:
    """Killed after the side file, and before or after the torn bytes were cut off."""
    append()
    (folder / "torn-2").write_bytes(b"half a rec")
    if not cut_off:
        with open(folder / LOG, "ab") as stream:
            stream.write(b"half a rec")
    append()
    assert [e.kind for e in log.read(folder)] == ["applied", "repaired", "applied"]
    assert (folder / "torn-2").read_bytes() == b"half a rec"


def test_a_repair_whose_own_record_was_torn_keeps_both(folder: Path, append: Append) -> None:
    append()
    (folder / "torn-2").write_bytes(b"half a rec")
    with open(folder / LOG, "ab") as stream:
        stream.write(b'{"previous":')
    append()
    assert (folder / "torn-2").read_bytes() == b'half a rec{"previous":'
    assert log.verify(folder).ok


def test_an_acknowledged_record_is_no_torn_one(folder: Path, append: Append) -> None:
    append()
    path = folder / LOG
    path.write_bytes(path.read_bytes()[:-1])
    found = log.verify(folder)
    assert not found.ok
    assert "record 1 is missing" in found.problems[0].what


def test_killed_writers_lose_nothing_they_were_told_of(folder: Path) -> None:
    chance = random.Random(7)
    told: dict[str, str] = {}
    for round in range(8):
        process = writer(folder, f"round {round}", 10_000)
        assert process.stdout is not None
        output = process.stdout.readline()
        time.sleep(chance.random() * 0.15)
        process.kill()
        output += process.communicate()[0]
        told |= dict(re.findall(r"^(\d+) (\w{64})$", output, re.MULTILINE))
    found = {str(e.seq): e.hash for e in log.read(folder)}
    assert told.items() <= found.items()
    log.append(folder, "applied", {}, by="a", version="0")
    assert log.verify(folder).ok


def test_eight_processes_keep_one_chain(folder: Path) -> None:
    processes = [writer(folder, str(number), 12) for number in range(8)]
    while any(process.poll() is None for process in processes):
        assert log.verify(folder).ok
        log.head(folder)
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    records = list(log.read(folder))
    assert [e.seq for e in records] == list(range(1, 97))
    for number in range(8):
        assert [e.data["n"] for e in records if e.data["of"] == str(number)] == list(range(12))
