"""The log's two files at one moment, with nobody appending: where it ends, and what its head says."""

from __future__ import annotations

import fcntl
import io
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rfdata import files
from rfdata.errors import Unreachable
from rfdata.evidence import record
from rfdata.evidence.record import NotARecord
from rfdata.model.evidence import GENESIS

LOG = "evidence.jsonl"
HEAD = "head"

PATIENCE = 30.0
"""Seconds to wait for other processes that are appending."""

_BLOCK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Mark:
    """A record's place in the chain."""

    seq: int
    hash: str


NOTHING = Mark(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is acknowledged by now; whatever is appended later lies behind `end`."""

    path: Path
    stream: IO[bytes]
    end: int
    """Bytes up to and with the last line end."""
    torn: int
    """Bytes after it: a record that was interrupted while it was written."""
    head: Mark | None
    """What the head file names, NOTHING without such a file, None for one that can't be read."""

    @property
    def folder(self) -> Path:
        return self.path.parent


@contextmanager
def opened(folder: Path) -> Iterator[Snapshot]:
    """A snapshot to read from at leisure; appending goes on meanwhile. A missing log is an empty one."""
    head = read_head(folder)  # before the log is opened: it is always the younger of the two
    path = folder / LOG
    if not path.exists():
        yield Snapshot(path, io.BytesIO(), 0, 0, head)
        return
    with open(path, "rb") as stream:
        _lock(stream, fcntl.LOCK_SH, path)
        snapshot = _look(folder, stream)
        fcntl.flock(stream, fcntl.LOCK_UN)
        yield snapshot


@contextmanager
def locked(folder: Path) -> Iterator[Snapshot]:
    """A snapshot of an existing log that stays true until the end: only the holder may append."""
    with open(folder / LOG, "rb") as stream:
        _lock(stream, fcntl.LOCK_EX, folder / LOG)
        yield _look(folder, stream)


def lines(snapshot: Snapshot) -> Iterator[bytes]:
    """Whole lines from the first, without their ends. Raises NotARecord at one that is too long."""
    snapshot.stream.seek(0)
    left = snapshot.end
    rest = b""
    while left > 0:
        block = snapshot.stream.read(min(left, _BLOCK))
        left -= len(block)
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
        if len(rest) > record.LONGEST:
            raise NotARecord("it is longer than any record")
        if not block:
            raise NotARecord("it was cut while it was read")


def backwards(snapshot: Snapshot) -> Iterator[bytes]:
    """Whole lines from the last, without their ends. Raises NotARecord at one that is too long."""
    place = snapshot.end - 1
    rest = b""
    while place > 0:
        start = max(0, place - _BLOCK)
        snapshot.stream.seek(start)
        rest, *whole = (snapshot.stream.read(place - start) + rest).split(b"\n")
        yield from reversed(whole)
        place = start
        if len(rest) > record.LONGEST:
            raise NotARecord("it is longer than any record")
    if snapshot.end > 0:
        yield rest


def read_head(folder: Path) -> Mark | None:
    """What the head file names; see Snapshot.head."""
    try:
        with open(folder / HEAD, "rb") as stream:
            text = stream.read(1000)
    except FileNotFoundError:
        return NOTHING
    try:
        found = json.loads(text.decode("ascii"))
        mark = Mark(int(found["seq"]), str(found["hash"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return mark if text == _head_text(mark) else None


def write_head(folder: Path, mark: Mark) -> None:
    files.write(folder / HEAD, _head_text(mark), mode=0o600)


def _head_text(mark: Mark) -> bytes:
    return json.dumps({"seq": mark.seq, "hash": mark.hash}).encode() + b"\n"


def _lock(stream: IO[bytes], operation: int, path: Path) -> None:
    give_up = time.monotonic() + PATIENCE
    pause = 0.001
    while True:
        try:
            return fcntl.flock(stream, operation | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > give_up:
                raise Unreachable(
                    f"{path}: another process has held its lock for {PATIENCE:.0f} s",
                    hint=f"see which with `fuser -v {path}`, and try again once it has ended",
                ) from error
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)


def _look(folder: Path, stream: IO[bytes]) -> Snapshot:
    size = stream.seek(0, os.SEEK_END)
    end = size
    while end > 0 and size - end <= record.LONGEST:
        start = max(0, end - _BLOCK)
        stream.seek(start)
        place = stream.read(end - start).rfind(b"\n")
        end = start + place + 1 if place >= 0 else start
        if place >= 0:
            break
    return Snapshot(folder / LOG, stream, end, size - end, read_head(folder))
