"""The one place that writes files: whole, durable, and with their owner and mode from the first byte."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rfdata.errors import UsageError
from rfdata.secrets import Secret


@dataclass(frozen=True)
class Owner:
    """Who owns a file, as numbers; -1 leaves it to the one who creates it."""

    uid: int = -1
    gid: int = -1

    @staticmethod
    def named(user: str | None) -> Owner:
        """The owner for a system user's name; nobody in particular when we aren't root."""
        if user is None or os.geteuid() != 0:
            return Owner()
        try:
            entry = pwd.getpwnam(user)
        except KeyError as error:
            raise UsageError(
                f"there is no system user {user!r}", hint="create it, or name another"
            ) from error
        return Owner(entry.pw_uid, entry.pw_gid)


def write(
    path: Path, content: str | bytes | Secret, *, mode: int = 0o644, owner: Owner | None = None
) -> None:
    """Replace a file in one instant: a reader sees the old bytes or the new ones, never a part.

    Goes through a temporary file beside it, fsync, rename and an fsync of the folder, so that a
    crash at any point leaves either version. One writer at a time (see `lock`). A symbolic link
    is replaced by the file: what it named stays as it is.
    """
    data = _encode(content)
    temporary = path.with_name(f".{path.name}.rfdata-new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as stream:
            os.fchmod(descriptor, mode)
            if owner is not None:
                os.fchown(descriptor, owner.uid, owner.gid)
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def append(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Add bytes to the end of a file and wait until they are on the disk."""
    fresh = not path.exists()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    with open(os.open(path, flags, mode), "ab") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    if fresh:
        _sync_folder(path.parent)


def truncate(path: Path, size: int) -> None:
    """Cut a file down to `size` bytes, durably."""
    with open(path, "r+b") as stream:
        stream.truncate(size)
        os.fsync(stream.fileno())


def make_directory(path: Path, *, mode: int = 0o755, owner: Owner | None = None) -> None:
    """Make a folder, its missing parents (0755 whatever the umask), and set its own mode and owner.

    It is never more open than it is going to be.
    """
    missing = [folder for folder in path.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o755, exist_ok=True)
        folder.chmod(0o755)
    path.mkdir(mode=mode & 0o700, exist_ok=True)
    set_access(path, mode=mode, owner=owner)


def set_access(path: Path, *, mode: int, owner: Owner | None = None) -> None:
    """Give an existing file or folder its owner and mode."""
    if owner is not None:
        os.chown(path, owner.uid, owner.gid)
    path.chmod(mode)


def point(link: Path, target: Path) -> None:
    """Let a symbolic link point elsewhere, in one instant."""
    temporary = link.with_name(f".{link.name}.rfdata-new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
    _sync_folder(link.parent)


def rename(source: Path, destination: Path) -> None:
    """Move within one file system, durably."""
    source.rename(destination)
    _sync_folder(destination.parent)


def remove(path: Path) -> None:
    """Remove a file or a whole folder that holds nothing anyone needs; absent is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def keep_copy(path: Path) -> Path:
    """Copy a file beside itself under the next free name NAME.bak, NAME.bak2, … with its mode."""
    number = 1
    while (copy := path.with_name(f"{path.name}.bak{number if number > 1 else ''}")).exists():
        number += 1
    write(copy, path.read_bytes(), mode=path.stat().st_mode & 0o777)
    return copy


@contextmanager
def lock(path: Path, *, purpose: str) -> Iterator[None]:
    """Hold a file's lock, or raise UsageError at once if another process holds it.

    The kernel gives the lock back when the holder dies, however it dies.
    """
    with open(
        os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+", errors="replace"
    ) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = stream.read().strip() or "another process"
            raise UsageError(
                f"{path.parent}: {holder} is at work here",
                hint=f"wait until it has ended, then {purpose} again",
            ) from error
        stream.seek(0)
        stream.truncate()
        stream.write(f"{purpose} (process {os.getpid()})")
        stream.flush()
        yield


def _encode(content: str | bytes | Secret) -> bytes:
    if isinstance(content, Secret):
        content = content.reveal()
    return content.encode() if isinstance(content, str) else content


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
