"""`rfdata migrate up` with nothing to do, answered before anything heavy is imported.

Deployments call it at every start of a service, nearly always in vain. After a run that left
nothing pending, `.settled` keeps what that answer rested on: the configuration, the state of every
file below migrations/ (size, times and inode, as git's index has it), and a digest of the ledger.
As long as the first two are untouched and the live database still has that very ledger, the answer
is the same. Whatever differs, and any doubt, takes the whole way.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from typing import TYPE_CHECKING, LiteralString

import rfdata

if TYPE_CHECKING:
    from rfdata.config.load import Config

NOTHING = "nothing to do: every migration is applied"
FILE = ".settled"
LEDGER: LiteralString = (
    "SELECT md5(coalesce(string_agg(concat_ws(' ', number, name, checksum, state), E'\\n' "
    "ORDER BY number), '')) FROM rfdata.migrations"
)
_FOLDERS = ("migrations", "migrations/rollback", "migrations/verify")
_CONFIGURATION = ("rfdata.toml", ".env")
_RACY = 0.1
"""Seconds. A file changed this shortly before it was looked at could change again unseen."""
_TIMEOUT = 5.0
_FIELDS = 6


def nothing_to_do(arguments: list[str]) -> bool:
    """Whether this is a plain `migrate up` for which nothing is to do. Never raises."""
    directory = _directory(arguments)
    if directory is None:
        return False
    try:
        with open(os.path.join(directory, FILE), encoding="utf-8") as stream:
            known = stream.read().split("\n")
        if len(known) != _FIELDS or known[:2] != [rfdata.__version__, state(directory)]:
            return False
        from rfdata.errors import Unreachable
        from rfdata.postgres.peer import ask

        try:
            return ask(known[2], known[3], known[4], LEDGER, _TIMEOUT) == [(known[5],)]
        except Unreachable:
            return False
    except (OSError, ValueError):
        return False


def remember(config: Config, state_before: str, ledger: str) -> None:
    """Keep what "nothing to do" rested on: `state` as it was before anything was read, and the
    answer to the query LEDGER."""
    from contextlib import suppress

    from rfdata import files
    from rfdata.postgres.desired_roles import SUPERUSER
    from rfdata.targets.native.layout import layout

    if config.target != "native" or not state_before or not ledger:
        return
    if state(str(config.directory)) != state_before:
        return
    postgres = config.settings.postgres
    socket = layout(config).socket_folder / f".s.PGSQL.{postgres.port}"
    fields = (rfdata.__version__, state_before, str(socket), SUPERUSER, postgres.database, ledger)
    if not any("\n" in field for field in fields):
        with suppress(
            OSError
        ):  # another call writes the same; without it the next one takes longer
            files.write(config.directory / FILE, "\n".join(fields), mode=0o600)


def _directory(arguments: list[str]) -> str | None:
    """The deployment of a `migrate up` without any option that asks for more."""
    directory = "."
    if arguments[:1] == ["-C"] and len(arguments) > 1:
        directory, arguments = arguments[1], arguments[2:]
    if arguments[:2] != ["migrate", "up"] or not set(arguments[2:]) <= {"-y", "--yes"}:
        return None
    return directory


def state(directory: str, racy: float = _RACY) -> str:
    """A digest of how the configuration and each migration's file lie there; empty where one of them
    changed within the last `racy` seconds."""
    digest = hashlib.sha256()
    newest = 0
    for folder in ("", *_FOLDERS):
        where = os.path.join(directory, folder)
        if not os.path.isdir(where):
            continue
        with os.scandir(where) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                if not folder and entry.name not in _CONFIGURATION:
                    continue
                found = entry.stat()
                times = (found.st_mtime_ns, found.st_ctime_ns)
                newest = max(newest, *times)
                what = (folder, entry.name, found.st_mode, found.st_size, found.st_ino, *times)
                digest.update(repr(what).encode())
    return "" if time.time() - newest / 1e9 < racy else digest.hexdigest()


def main() -> None:
    """The program. The short answer where there is one, else the whole of it."""
    if nothing_to_do(sys.argv[1:]):
        sys.stdout.write(f"{NOTHING}\n")
        return
    from rfdata.cli.main import main as whole

    whole()
