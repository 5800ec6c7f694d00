"""The verb `doctor`: what this machine has and lacks, before or when something fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rfdata.config.load import Config, load
from rfdata.errors import RfdataError
from rfdata.runtime.find import find_postgres, find_redis

ENOUGH_DISK = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    what: str
    good: bool
    found: str
    remedy: str = ""


def examine(directory: Path) -> tuple[Finding, ...]:
    """Look at programs, the deployment and the disk; nothing is changed."""
    return (
        _try("PostgreSQL 16 with pgvector and TLS", _postgres),
        _try("Redis 7 with TLS", _redis),
        _try("deployment", lambda: _deployment(load(directory))),
        _rights(),
        _disk(directory),
    )


def _try(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, good=True, found=look())
    except RfdataError as error:
        return Finding(what, good=False, found=error.message, remedy=error.hint)


def _postgres() -> str:
    found = find_postgres()
    return f"{found.version} ({found.origin}) in {found.bin}, pgvector {found.pgvector}"


def _redis() -> str:
    found = find_redis()
    return f"{found.version} ({found.origin}) at {found.server}"


def _deployment(config: Config) -> str:
    return f"{config.settings.deployment.name}, {config.profile} on {config.target}, in {config.directory}"


def _rights() -> Finding:
    if os.geteuid() == 0:
        return Finding("rights", good=True, found="root: servers run as system users of their own")
    found = "an ordinary user: servers run as this user, limits are set only where systemd lets us"
    return Finding("rights", good=True, found=found)


def _disk(directory: Path) -> Finding:
    there = directory.absolute()
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    gigabytes = f"{free / 1024**3:.1f} GB free under {there}"
    return Finding(
        "disk",
        free >= ENOUGH_DISK,
        gigabytes,
        "" if free >= ENOUGH_DISK else "make room: 2 GB or more",
    )
