"""From one database into another through PostgreSQL's own programs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from rfdata.errors import ChangeFailed, ProgramFailed
from rfdata.postgres.client import socket_host
from rfdata.postgres.desired_roles import SUPERUSER
from rfdata.shell import Command, run

_TIMEOUT = 3600.0

_DUMP = (
    "--format=custom",
    "--compress=0",
    "--no-subscriptions",  # a copy must not pull from anywhere
    "--no-password",
    "--lock-wait-timeout=60000",
)
_RESTORE = ("--exit-on-error", "--no-password")


@dataclass(frozen=True, slots=True)
class Tools:
    """PostgreSQL's own programs, and where they find the server: over the socket they need no TLS."""

    pg_dump: Path
    pg_restore: Path
    socket: Path
    port: int


def pump(tools: Tools, database: str, copy: str, left_out: tuple[str, ...]) -> None:
    """From pg_dump straight into pg_restore: nobody's data lies in a file meanwhile.

    The shell tells only how pg_restore ended; an archive that pg_dump did not finish is none to it.
    """
    from psycopg.conninfo import make_conninfo

    left = [f"--exclude-table-data={name}" for name in left_out]
    with socket_host(tools.socket) as host:
        where = ["--host", host, "--port", str(tools.port), "--username", SUPERUSER, "--dbname"]
        dump = [str(tools.pg_dump), *_DUMP, *left, *where, make_conninfo(dbname=database)]
        restore = [str(tools.pg_restore), *_RESTORE, *where, make_conninfo(dbname=copy)]
        pipe = f"{shlex.join(dump)} | {shlex.join(restore)}"
        try:
            run(Command(("/bin/sh", "-c", pipe), timeout=_TIMEOUT))
        except ProgramFailed as error:
            raise ChangeFailed(
                f"{database} could not be copied: {error.message}",
                hint="nothing of it was changed; `pg_dump` by hand shows the same error",
            ) from error
