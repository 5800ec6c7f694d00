"""One line of the evidence log: its exact bytes, and back. Nothing here reads or writes a file.

A line is canonical JSON: ASCII, no spaces, the keys below in this order, `data` with sorted keys.
`hash` comes last and is the SHA-256 of the line without it, so that checking one needs no parser.
`previous` and `kind` stand at fixed places, so that passing over a line needs none either.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from rfdata.model.evidence import Evidence, Kind, Statement
from rfdata.secrets import Secret

LONGEST = 16 * 1024 * 1024
"""Bytes. No record is longer, so that a file without line ends can't fill the memory."""

_START = re.compile(
    rb'\{"previous":"[0-9a-f]{64}","kind":"[a-z_]{1,40}","seq":([1-9][0-9]{0,14}),"at":"'
)
_END = re.compile(rb',"hash":"[0-9a-f]{64}"\}')
_END_LENGTH = 75
_PREVIOUS = slice(13, 77)
_KIND_AT = 78
_HASH = slice(-66, -2)


class NotARecord(ValueError):
    """These bytes are not one of our lines, or no longer."""


def encode(
    previous: str, kind: str, seq: int, at: datetime, by: str, version: str, data: Mapping[str, Any]
) -> bytes:
    """The whole line of a new record, its line end included.

    Raises TypeError for anything that is not plain JSON, Secrets above all, and ValueError for a
    record that is too long.
    """
    body = _dump(
        {
            "previous": previous,
            "kind": kind,
            "seq": seq,
            "at": at.astimezone(UTC).isoformat(),
            "by": by,
            "version": version,
            "data": plain(data),
        }
    )
    line = b'%s,"hash":"%s"}\n' % (body[:-1], _digest(body))
    if len(line) > LONGEST:
        raise ValueError(f"an evidence record of {len(line)} bytes; {LONGEST} is the most")
    return line


def sealed(line: bytes) -> int:
    """The number of a line (given without its line end) whose content matches its own hash."""
    start = _START.match(line)
    if start is None or not _END.fullmatch(line[-_END_LENGTH:]):
        raise NotARecord("it is not an evidence record")
    if _digest(line[:-_END_LENGTH] + b"}") != line[_HASH]:
        raise NotARecord("its content does not match its hash: it was altered")
    return int(start[1])


def decode(line: bytes) -> Evidence:
    """Read a line back (without its line end), once its hash has been found right."""
    seq = sealed(line)
    try:
        found = json.loads(line)
        return Evidence(
            seq,
            datetime.fromisoformat(found["at"]),
            str(found["by"]),
            str(found["version"]),
            cast(Kind, str(found["kind"])),
            dict(found["data"]),
            str(found["previous"]),
            str(found["hash"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotARecord(f"it can't be read: {error}") from error


def previous(line: bytes) -> bytes:
    """The hash of the record before, as this line claims; whatever the bytes, it never fails."""
    return line[_PREVIOUS]


def own_hash(line: bytes) -> bytes:
    """The line's hash, as it claims."""
    return line[_HASH]


def kinds(*names: str) -> tuple[bytes, ...]:
    """What `is_kind` looks for; made once, for logs of many lines."""
    return tuple(b',"kind":"%s"' % name.encode() for name in names)


def is_kind(line: bytes, wanted: tuple[bytes, ...]) -> bool:
    """Whether the line claims to be of one of these kinds; of any when none is named."""
    return not wanted or line.startswith(wanted, _KIND_AT)


def plain(value: object, where: str = "data") -> Any:
    """The same value as nothing but JSON's own types, so that it reads back as it was written.

    >>> plain({"ports": (5432, 6379)})
    {'ports': [5432, 6379]}
    """
    match value:
        case Secret():
            raise TypeError(f"{where} is a Secret, which is never written into evidence")
        case None | bool():
            return value
        case str():
            return str.__str__(value)
        case int():
            return int(value)
        case float() if math.isfinite(value):
            return value
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise TypeError(f"{where} has a key that is no text")
            return {str.__str__(key): plain(value[key], f"{where}.{key}") for key in value}
        case list() | tuple():
            return [plain(part, f"{where}[{index}]") for index, part in enumerate(value)]
        case _:
            raise TypeError(f"{where} is a {type(value).__name__}, which evidence can't hold")


def from_statement(statement: Statement) -> dict[str, str]:
    """What an `attested` or `waived` record holds; its time is the record's own."""
    return {
        "line": statement.line,
        "by": statement.by,
        "note": statement.note,
        "until": statement.until.astimezone(UTC).isoformat(),
    }


def to_statement(record: Evidence) -> Statement:
    """Back from an `attested` or `waived` record."""
    try:
        until = datetime.fromisoformat(record.data["until"])
        line, by, note = (str(record.data[key]) for key in ("line", "by", "note"))
    except (KeyError, TypeError, ValueError) as error:
        raise NotARecord(f"it is of kind {record.kind} but holds no statement") from error
    return Statement(
        line, by, note, record.at, until if until.tzinfo else until.replace(tzinfo=UTC)
    )


def _dump(value: Mapping[str, Any]) -> bytes:
    data = json.dumps(value["data"], sort_keys=True, separators=(",", ":"), allow_nan=False)
    rest = {key: part for key, part in value.items() if key != "data"}
    head = json.dumps(rest, separators=(",", ":"))
    return f'{head[:-1]},"data":{data}}}'.encode("ascii")


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode("ascii")
