"""The evidence log of a deployment: append, read, verify. `folder` is its own folder.

What the chain finds: any record that was altered, removed, moved, doubled or put in, and through
the `head` file also records removed from the end. What it can't find alone: someone who rewrites
the whole log and its head, removes both, or runs rfdata to add a record. For that compare the head
with one that is out of their reach: every report carries it.
"""

from __future__ import annotations

import errno
import getpass
import hashlib
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rfdata import files
from rfdata.errors import ChangeFailed, RfdataError, Unreachable, UsageError
from rfdata.evidence import record, snapshot, verification
from rfdata.evidence.record import NotARecord
from rfdata.evidence.snapshot import LOG, NOTHING, Mark, Snapshot
from rfdata.evidence.verification import Verification
from rfdata.model.evidence import GENESIS, Evidence, Kind, Statement, Statements

TORN = "torn"
"""The bytes of an interrupted record are kept in `torn-SEQ`, SEQ being the record that says so."""

_NOT_OURS = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENOTDIR, errno.EEXIST}
)


def author() -> str:
    """Who is at work: user@host."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def append(
    folder: Path,
    kind: Kind,
    data: Mapping[str, Any],
    *,
    by: str,
    version: str,
    at: datetime | None = None,
) -> Evidence:
    """Add one record; it is on the disk, chained to the one before, when this returns.

    Raises TypeError for data that is not plain JSON (a Secret above all), and UsageError for a log
    that is corrupt or may not be written; nothing is changed then.
    """
    at = at or datetime.now(UTC)
    record.encode(GENESIS, kind, 1, at, by, version, data)
    with _translated(folder, ChangeFailed):
        _create(folder)
        with snapshot.locked(folder) as log:
            last = _settle(log, by=by, version=version)
            return _add(folder, last, kind, data, by=by, version=version, at=at)


def read(folder: Path, *kinds: Kind) -> Iterator[Evidence]:
    """Every record (of these kinds), oldest first, one at a time in memory.

    The whole chain is followed; the content of the records that are passed over is not looked at
    (`verify` does that). Raises UsageError at the first line that is wrong, so that records may be
    believed only once all have been read.
    """
    wanted = record.kinds(*kinds)
    with _sound(folder) as log:
        before = GENESIS.encode()
        for line in snapshot.lines(log):
            if record.previous(line) != before:
                raise verification.refusal(log)
            before = record.own_hash(line)
            if record.is_kind(line, wanted):
                yield record.decode(line)


def newest(folder: Path, *kinds: Kind) -> Evidence | None:
    """The last record (of these kinds), read backwards: the length of the log does not matter."""
    wanted = record.kinds(*kinds)
    with _sound(folder) as log:
        expected = b""
        for line in snapshot.backwards(log):
            if expected and record.own_hash(line) != expected:
                raise verification.refusal(log)
            expected = record.previous(line)
            if record.is_kind(line, wanted):
                return record.decode(line)
    return None


def statements(folder: Path) -> Statements:
    """The newest attestation and waiver of each line, expired ones included."""
    found: dict[str, dict[str, Statement]] = {"attested": {}, "waived": {}}
    for evidence in read(folder, "attested", "waived"):
        try:
            statement = record.to_statement(evidence)
        except NotARecord as error:
            raise UsageError(
                f"{folder / LOG}, line {evidence.seq}: {error}",
                hint="it was written by another version of rfdata; use that one or a newer one",
            ) from error
        found[evidence.kind][statement.line] = statement
    return Statements(found["attested"], found["waived"])


def head(folder: Path) -> str:
    """Hash of the last record; 64 zeros for an empty log."""
    with _sound(folder) as log:
        return _last(log).hash


def verify(folder: Path) -> Verification:
    """Look at every byte of the log and say what is wrong, first things first."""
    with _translated(folder, Unreachable), snapshot.opened(folder) as log:
        return verification.check(log)


@contextmanager
def _sound(folder: Path) -> Iterator[Snapshot]:
    """A snapshot whose end was found whole; whatever turns out to be wrong later becomes a UsageError."""
    with _translated(folder, Unreachable), snapshot.opened(folder) as log:
        try:
            _last(log)
            yield log
        except NotARecord as error:
            raise verification.refusal(log, str(error)) from error


@contextmanager
def _translated(folder: Path, otherwise: type[RfdataError]) -> Iterator[None]:
    """What the operating system refuses, in words: a right that is missing, or a disk that is full."""
    try:
        yield
    except OSError as error:
        message = f"{error.filename or folder / LOG}: {error.strerror or error}"
        if error.errno in _NOT_OURS:
            hint = f"{folder} must be a folder that the user who runs rfdata may read and write"
            raise UsageError(message, hint=hint) from error
        raise otherwise(message, hint="see to the disk, then run the same command again") from error


def _last(log: Snapshot) -> Mark:
    """The last record, once it and the head file have been found to agree."""
    line = next(snapshot.backwards(log), None)
    last = before = NOTHING
    if line is not None:
        evidence = record.decode(line)
        last = Mark(evidence.seq, evidence.hash)
        before = Mark(evidence.seq - 1, evidence.previous)
    if verification.wrong_end(log, last, before):
        raise verification.refusal(log)
    return last


def _create(folder: Path) -> None:
    """Make a place for the first record. A log that went missing is not begun anew."""
    marked = snapshot.read_head(folder)
    if not folder.is_dir():
        files.make_directory(folder, mode=0o700)
    if not (folder / LOG).exists() and marked == NOTHING:
        files.append(folder / LOG, b"", mode=0o600)
    elif not (folder / LOG).exists():
        with snapshot.opened(folder) as log:
            raise verification.refusal(log)


def _settle(log: Snapshot, *, by: str, version: str) -> Mark:
    """Finish what a killed process left: the head it didn't write, the record it half wrote.

    Every step may itself be interrupted and is then done again: the torn bytes are in their side
    file before they are cut off, and a side file without its record gets one.
    """
    try:
        last = _last(log)
    except NotARecord as error:
        raise verification.refusal(log, str(error)) from error
    if last != log.head:
        snapshot.write_head(log.folder, last)
    aside = log.folder / f"{TORN}-{last.seq + 1}"
    if log.torn:
        _set_aside(log, aside)
    if not aside.exists():
        return last
    kept = aside.read_bytes()
    about = {
        "what": "a record that was interrupted before it was acknowledged was set aside",
        "bytes": len(kept),
        "sha256": hashlib.sha256(kept).hexdigest(),
        "kept_in": aside.name,
    }
    at = datetime.now(UTC)
    repaired = _add(log.folder, last, "repaired", about, by=by, version=version, at=at)
    return Mark(repaired.seq, repaired.hash)


def _set_aside(log: Snapshot, aside: Path) -> None:
    log.stream.seek(log.end)
    torn = log.stream.read(log.torn)
    kept = aside.read_bytes() if aside.exists() else b""
    if not kept.endswith(torn):
        files.write(aside, kept + torn, mode=0o600)
    files.truncate(log.path, log.end)


def _add(
    folder: Path,
    last: Mark,
    kind: Kind,
    data: Mapping[str, Any],
    *,
    by: str,
    version: str,
    at: datetime,
) -> Evidence:
    line = record.encode(last.hash, kind, last.seq + 1, at, by, version, data)
    files.append(folder / LOG, line, mode=0o600)
    evidence = record.decode(line[:-1])
    snapshot.write_head(folder, Mark(evidence.seq, evidence.hash))
    return evidence
