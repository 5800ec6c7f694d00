"""Making PostgreSQL's data folder: all of it or nothing, however it is interrupted."""

from __future__ import annotations

import secrets
from contextlib import suppress

from rfdata import files
from rfdata.errors import ChangeFailed
from rfdata.shell import Command, run
from rfdata.targets.base import Progress
from rfdata.targets.native.layout import Home
from rfdata.targets.native.programs import Programs

_TIMEOUT = 300.0
_VERSION = "PG_VERSION"


def initialise(
    home: Home, programs: Programs, arguments: tuple[str, ...], progress: Progress
) -> None:
    """Run initdb into a new folder beside the data's place, and move it there once it is complete.

    Everything is on the disk before it gets its name; one sync of the file system does in a fifth of
    the time what initdb would do file by file. Of an interrupted run only a `data.new-…`
    stays behind, which holds nothing anyone needs. Each run has a name of its own: an initdb whose
    rfdata was killed may still be at work.
    """
    if (home.data / _VERSION).exists():
        return
    if home.data.exists() and any(home.data.iterdir()):
        raise ChangeFailed(
            f"{home.data} is neither empty nor a PostgreSQL data folder",
            hint="move what is in it away, then run `rfdata up` again",
        )
    for old in home.root.glob("data.new-*"):
        with suppress(OSError):
            files.remove(old)
    progress("initdb: making the database cluster")
    fresh = home.root / f"data.new-{secrets.token_hex(4)}"
    initdb = str(programs.postgres.tool("initdb"))
    run(
        Command(
            (initdb, *arguments, "--no-sync", "--pgdata", str(fresh)),
            user=home.user,
            cwd=home.root,
            timeout=_TIMEOUT,
        )
    )
    run(Command(("sync", "--file-system", str(fresh)), timeout=_TIMEOUT))
    files.rename(fresh, home.data)
