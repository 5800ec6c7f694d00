"""Bring the server programs that are missing; what is there already is left alone."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rfdata import files
from rfdata.errors import ChangeFailed, ProgramFailed, ProgramMissing, UsageError
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
APT_INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", *REDIS_PACKAGES)
SYSTEMD_RUNS = Path("/run/systemd/system")
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
    try:
        _assemble_once(roots[0], progress)
    except OSError as error:
        raise ChangeFailed(
            f"{roots[0]}: PostgreSQL could not be assembled: {error}",
            hint="make this folder writable, with 300 MB free (XDG_DATA_HOME chooses another)",
        ) from error
    return find_postgres(roots=roots)


def _assemble_once(root: Path, progress: Progress) -> None:
    _make_public(root)
    with _turn(root / ".lock", progress):
        try:
            find_postgres(roots=(root,))
        except ProgramMissing:
            archives = root / "archives"
            _make_public(archives)
            assemble(root, archives, progress)


def ensure_redis(progress: Progress) -> RedisRuntime:
    """A Redis 7 with TLS, from the distribution's packages."""
    try:
        return find_redis()
    except ProgramMissing as missing:
        if shutil.which("apt-get") is None:
            raise ProgramMissing(
                missing.message, hint="install Redis 7 or newer, with TLS, from your packages"
            ) from missing
        if os.geteuid() != 0:
            hint = f"run `sudo {' '.join(APT_INSTALL)}`"
            raise ProgramMissing(missing.message, hint=hint) from missing
    _apt_install(progress)
    try:
        return find_redis()
    except ProgramMissing as missing:
        hint = "this release's package can't serve: install the Redis project's own Debian package"
        raise ProgramMissing(missing.message, hint=hint) from missing


def _apt_install(progress: Progress) -> None:
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    update = ("apt-get", "-qq", "update")
    if not _lists_are_fresh():
        progress("refreshing the package lists")
        done = run(
            Command(update, env=environment, inherit_env=True, timeout=APT_TIMEOUT), check=False
        )
        if done.code != 0:
            progress(f"note: apt-get update ended with {done.code}; going on with the old lists")
    progress(f"installing the packages {' and '.join(REDIS_PACKAGES)}")
    wait_for_others = ("-o", "DPkg::Lock::Timeout=120")
    install = (*APT_INSTALL, *wait_for_others)
    try:
        run(Command(install, env=environment, inherit_env=True, timeout=APT_TIMEOUT))
    except ProgramFailed as failed:
        hint = f"run `{' '.join(APT_INSTALL)}` yourself and mend what it says"
        raise ProgramMissing(failed.message, hint=hint) from failed
    if SYSTEMD_RUNS.is_dir():
        progress(
            "note: the package redis-server also starts a service of its own on port 6379; "
            "rfdata neither uses nor stops it"
        )


def _lists_are_fresh() -> bool:
    """Old lists name files that the mirrors no longer have.

    The lists carry the mirror's dates; only the folders tell when they were fetched.
    """
    if not any(APT_LISTS.glob("*_Packages*")):
        return False
    folders = (APT_LISTS, APT_LISTS / "partial")
    newest = max(path.stat().st_mtime for path in folders if path.exists())
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
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(files.lock(lock, purpose="rfdata runtime install"))
                break
            except UsageError as busy:
                if time.monotonic() > deadline:
                    raise
                if not told:
                    progress(f"waiting: {busy.message}")
                told = True
                time.sleep(0.2)
        yield
