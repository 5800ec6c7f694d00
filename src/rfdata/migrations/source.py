"""One SQL file from the disk: decoded, with LF line ends, with its checksum, or what is wrong with it."""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from pathlib import Path

from rfdata.errors import RfdataError
from rfdata.migrations.migration import Script

LARGEST = 256 * 1024 * 1024
"""Bytes. psycopg sends a script as one message, and the server takes at most 1 GB."""
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Unfit(RfdataError):
    """A file that can't be a migration; `rule`, `line` and `column` (0: none) are its problem's."""

    def __init__(
        self, rule: str, message: str, *, hint: str, place: tuple[int, int] = (0, 0)
    ) -> None:
        super().__init__(message, hint=hint)
        self.rule = rule
        self.line, self.column = place


def read_script(path: str) -> Script:
    """Raises Unfit."""
    data = _bytes(path)
    if data[:2] in _UTF16:
        raise Unfit("encoding", "this is UTF-16, not UTF-8", hint=_SAVE)
    if data.startswith(_BOM):
        data = data[3:]
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if (offset := data.find(b"\0")) >= 0:
        raise _nul(data, offset)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Unfit(
            "encoding",
            f"not UTF-8: byte 0x{data[error.start]:02x} at byte {_original(path, error)} of the file",
            hint=_SAVE,
            place=_place(data, error.start),
        ) from error
    return Script(Path(path), text, sha256(data).hexdigest())


_SAVE = "save it as UTF-8 (iconv -f ENCODING -t UTF-8)"


def _bytes(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
                raise Unfit("not-a-file", f"{kind} with the name of a migration", hint="rename it")
            if status.st_size > LARGEST:
                raise Unfit(
                    "too-large",
                    f"{status.st_size / 1024**2:.0f} MB; more than {LARGEST // 1024**2} MB are not run",
                    hint="load data with COPY from outside, or split the file",
                )
            data = os.read(descriptor, status.st_size + 1)
            if len(data) != status.st_size:  # it grows, or a file system that reads in parts
                parts = [data]
                while part := os.read(descriptor, 1 << 20):
                    parts.append(part)
                data = b"".join(parts)
            return data
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unfit(
            "unreadable",
            f"can't be read: {error.strerror}",
            hint="give rfdata the right to read it",
        ) from error


def _nul(data: bytes, offset: int) -> Unfit:
    if data.count(b"\0") * 3 > len(data):
        return Unfit("encoding", "this looks like UTF-16, not UTF-8", hint=_SAVE)
    return Unfit(
        "encoding",
        "a NUL character, which PostgreSQL takes nowhere",
        hint="remove it; chr(0) can't be stored as text either",
        place=_place(data, offset),
    )


def _place(data: bytes, offset: int) -> tuple[int, int]:
    """Line and column, in characters as far as they can be read."""
    begin = data.rfind(b"\n", 0, offset) + 1
    return data.count(b"\n", 0, offset) + 1, len(data[begin:offset].decode(errors="replace")) + 1


def _original(path: str, error: UnicodeDecodeError) -> int:
    """The offset in the file itself, before line ends were made LF; from 0."""
    try:
        _bytes(path).decode()
    except UnicodeDecodeError as raw:
        return raw.start
    return error.start
