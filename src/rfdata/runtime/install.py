"""Bring the server programs that are missing; what is there already is left alone."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rfdata import files
from rfdata.errors import ProgramMissing, UsageError
from rfdata.runtime.archives import Progress
from rfdata.runtime.assemble import assemble
from rfdata.runtime.find import (
    PostgresRuntime,
    RedisRuntime,
    default_roots,
    find_postgres,
    find_redis,
)
from rfdata.shell import Command, run

APT_LISTS = Path("/var/lib/apt/lists")
APT_LISTS_FRESH_FOR = 7 * 24 * 3600.0
APT_TIMEOUT = 900.0
REDIS_PACKAGES = ("redis-server", "redis-tools")
OTHERS_TAKE_AT_MOST = 900.0


def ensure(progress: Progress, *, root: Path | None = None) -> tuple[PostgresRuntime, RedisRuntime]:
    """Both servers' programs: found, else assembled (PostgreSQL) or installed (Redis).

    `root` is where an assembled PostgreSQL goes (default: the first of `default_roots`).
    Raises ProgramMissing with the one command to run where we may not install.
    """
    redis = ensure_redis(progress)
    return ensure_postgres(progress, root=root), redis


def ensure_postgres(progress: Progress, *, root: Path | None = None) -> PostgresRuntime:
    """A PostgreSQL 16 with pgvector; two processes at once assemble it once."""
    roots = default_roots() if root is None else (root,)
    try:
        return find_postgres(roots=roots)
    except ProgramMissing as missing:
        progress(missing.message)
    _make_public(roots[0])
    with _turn(roots[0] / ".lock", progress):
        try:
            return find_postgres(roots=roots)
        except ProgramMissing:
            archives = roots[0] / "archives"
            _make_public(archives)
            assemble(roots[0], archives, progress)
    return find_postgres(roots=roots)


def ensure_redis(progress: Progress) -> RedisRuntime:
    """A Redis 7 with TLS, from the distribution's packages."""
    try:
        return find_redis()
    except ProgramMissing as missing:
        command = ("apt-get", "install", "-y", "--no-install-recommends", *REDIS_PACKAGES)
        if shutil.which("apt-get") is None:
            raise ProgramMissing(
                missing.message, hint="install Redis 7 or newer, with TLS, from your packages"
            ) from missing
        if os.geteuid() != 0:
            hint = f"run `sudo {' '.join(command)}`"
            raise ProgramMissing(missing.message, hint=hint) from missing
    _apt_install(command, progress)
    try:
        return find_redis()
    except ProgramMissing as missing:
        hint = "this release's packages are too old: install Redis 7 from redis.io's own packages"
        raise ProgramMissing(missing.message, hint=hint) from missing


def _apt_install(command: tuple[str, ...], progress: Progress) -> None:
    if not _lists_are_fresh():
        progress("refreshing the package lists")
        _apt(("apt-get", "-qq", "update"))
    progress(f"installing the packages {' and '.join(REDIS_PACKAGES)}")
    _apt(command)
    if Path("/run/systemd/system").is_dir():
        progress(
            "note: the package redis-server also starts a service of its own on port 6379; "
            "rfdata neither uses nor stops it"
        )


def _apt(command: tuple[str, ...]) -> None:
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    run(Command(command, env=environment, inherit_env=True, timeout=APT_TIMEOUT))


def _lists_are_fresh() -> bool:
    """Old lists name files that the mirrors no longer have."""
    newest = max((path.stat().st_mtime for path in APT_LISTS.glob("*_Packages*")), default=0.0)
    return time.time() - newest < APT_LISTS_FRESH_FOR


def _make_public(folder: Path) -> None:
    """Make a folder and its missing parents so that every user may enter, whatever our umask."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        files.make_directory(path, mode=0o755)


@contextmanager
def _turn(lock: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock; wait while another process does the same work as we would."""
    deadline = time.monotonic() + OTHERS_TAKE_AT_MOST
    told = False
    while True:
        holding = files.lock(lock, purpose="rfdata runtime install")
        try:
            holding.__enter__()
            break
        except UsageError as busy:
            if time.monotonic() > deadline:
                raise
            if not told:
                progress(f"waiting: {busy.message}")
                told = True
            time.sleep(0.2)
    try:
        yield
    finally:
        holding.__exit__(None, None, None)
