"""A scratch copy of a database, that nobody else gets into and that is gone afterwards.

Whoever makes one holds an advisory lock named after it for as long as it is needed. Where rfdata is
killed the server lets go of that lock, and the next rehearsal sees that the copy is a leftover.
"""

from __future__ import annotations

import os
import secrets
import shlex
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, LiteralString

from rfdata.errors import ChangeFailed, ProgramFailed, ProgramMissing, RfdataError, UsageError
from rfdata.migrations.queries import query
from rfdata.postgres.client import MAINTENANCE
from rfdata.postgres.desired_roles import SUPERUSER
from rfdata.shell import Command, run

if TYPE_CHECKING:
    from psycopg.sql import Composed

    from rfdata.migrations.migration import Session

Connect = Callable[[str], AbstractContextManager["Session"]]
"""The operator's connection to a database by its name, in autocommit."""

Method = Literal["template", "dump", "schema"]

LIMIT = 1 << 30
"""Bytes. Of a larger database only the schema and the rows of small tables are copied."""

SMALL = 1 << 20
"""Bytes of a table whose rows are copied even so."""

MARK = "rfdata rehearsal of "
"""How the comment of each copy begins."""

_KEY: LiteralString = "hashtext('rfdata rehearsal'), hashtext(%s)"
"""Of the advisory lock in the maintenance database that says: this copy is in use."""

_LONGEST_NAME = 63
"""Bytes."""

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


@dataclass(frozen=True, slots=True)
class Copy:
    name: str
    method: Method


@dataclass(frozen=True, slots=True)
class _Original:
    owner: str
    encoding: str
    provider: str
    collate: str
    ctype: str
    icu_locale: str | None
    tablespace: str
    size: int
    busy: bool
    superuser: bool
    """Whether we are one."""


@contextmanager
def scratch(
    connect: Connect,
    database: str,
    tools: Tools | None,
    *,
    limit: int = LIMIT,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Copy]:
    """A copy of `database` for the block. Leftovers of rehearsals that were killed are removed first.

    Raises UsageError when it can't be copied as things are, ChangeFailed when copying failed.
    """
    with connect(MAINTENANCE) as session:
        for name in remove_leftovers(session):
            progress(f"removed {name}, which a rehearsal that was killed has left")
        original = _look(session, database)
        suffix = f"_rehearsal_{secrets.token_hex(6)}"
        name = database.encode()[: _LONGEST_NAME - len(suffix)].decode(errors="ignore") + suffix
        session.execute(f"SELECT pg_advisory_lock({_KEY})", [name])
        try:
            method = _make(connect, session, original, database, name, tools, limit)
            progress(f"{database} is copied to {name} ({method})")
            _open(connect, session, database, name)
            yield Copy(name, method)
        finally:
            _drop(connect, session, name)


def remove_leftovers(session: Session) -> tuple[str, ...]:
    """Drop the copies whose rfdata is gone, and say which."""
    gone = []
    for (name,) in session.execute(query("copy_leftovers"), {"mark": MARK}).fetchall():
        row = session.execute(f"SELECT pg_try_advisory_lock({_KEY})", [name]).fetchone()
        if row is None or not row[0]:
            continue
        try:
            _drop_here(session, name)
        finally:
            session.execute(f"SELECT pg_advisory_unlock({_KEY})", [name])
        gone.append(name)
    return tuple(gone)


def _look(session: Session, database: str) -> _Original:
    row = session.execute(query("copy_database"), {"database": database}).fetchone()
    if row is None:
        raise UsageError(
            f"there is no database {database} to rehearse on", hint="run `rfdata up` first"
        )
    return _Original(*row)


def _make(
    connect: Connect,
    session: Session,
    original: _Original,
    database: str,
    name: str,
    tools: Tools | None,
    limit: int,
) -> Method:
    """CREATE DATABASE … TEMPLATE where nobody is connected: it keeps logins waiting meanwhile."""
    from psycopg import errors
    from psycopg.sql import SQL, Identifier

    if not original.busy and (original.size <= limit or tools is None):
        with suppress(errors.ObjectInUse):
            _create(session, name, original, SQL("TEMPLATE {}").format(Identifier(database)))
            return "template"
    if tools is None:
        raise UsageError(
            f"somebody is connected to {database}, so that it can't be used as a template",
            hint="rehearse where pg_dump reaches the server, or when nobody is connected",
        )
    for program in (tools.pg_dump, tools.pg_restore):
        if not program.exists():
            raise ProgramMissing(f"{program} is not there", hint="run `rfdata doctor`")
    whole = original.size <= limit
    left_out = () if whole else _large(connect, database)
    _create(session, name, original, _like(original))
    session.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(Identifier(name)))
    _pump(tools, database, name, left_out)
    return "dump" if whole else "schema"


def _create(session: Session, name: str, original: _Original, how: Composed) -> None:
    """Nobody gets in before it is closed to everybody; afterwards only a superuser does.

    Someone who is none could not get in either, and gets a few connections.
    """
    from psycopg.sql import SQL, Identifier, Literal

    options = SQL("OWNER {} TABLESPACE {} ALLOW_CONNECTIONS false CONNECTION LIMIT {}").format(
        Identifier(original.owner),
        Identifier(original.tablespace),
        Literal(0 if original.superuser else 8),
    )
    copy = Identifier(name)
    session.execute(SQL("CREATE DATABASE {} {} {}").format(copy, options, how))
    session.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(copy))
    note = f"{MARK}{name.rpartition('_rehearsal_')[0]}: process {os.getpid()} on "
    note += f"{socket.gethostname()}, begun {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    session.execute(SQL("COMMENT ON DATABASE {} IS {}").format(copy, Literal(note)))


def _like(original: _Original) -> Composed:
    """For a copy that is filled from a dump: the same encoding and locale."""
    from psycopg.sql import SQL, Literal

    parts = [
        SQL("TEMPLATE template0 ENCODING {}").format(Literal(original.encoding)),
        SQL("LC_COLLATE {}").format(Literal(original.collate)),
        SQL("LC_CTYPE {}").format(Literal(original.ctype)),
    ]
    if original.provider == "i":
        icu = SQL("LOCALE_PROVIDER icu ICU_LOCALE {}").format(Literal(original.icu_locale or ""))
        parts.append(icu)
    return SQL(" ").join(parts)


def _large(connect: Connect, database: str) -> tuple[str, ...]:
    with connect(database) as session:
        rows = session.execute(query("copy_large"), {"limit": SMALL}).fetchall()
    return tuple(name for (name,) in rows)


def _pump(tools: Tools, database: str, copy: str, left_out: tuple[str, ...]) -> None:
    """From pg_dump straight into pg_restore: nobody's data lies in a file meanwhile.

    The shell tells only how pg_restore ended; an archive that pg_dump did not finish is none to it.
    """
    left = [f"--exclude-table-data={name}" for name in left_out]
    with _host(tools.socket) as host:
        where = ["--host", host, "--port", str(tools.port), "--username", SUPERUSER, "--dbname"]
        dump = [str(tools.pg_dump), *_DUMP, *left, *where, database]
        restore = [str(tools.pg_restore), *_RESTORE, *where, copy]
        pipe = f"{shlex.join(dump)} | {shlex.join(restore)}"
        try:
            run(Command(("/bin/sh", "-c", pipe), timeout=_TIMEOUT))
        except ProgramFailed as error:
            raise ChangeFailed(
                f"{database} could not be copied: {error.message}",
                hint="nothing of it was changed; `pg_dump` by hand shows the same error",
            ) from error


@contextmanager
def _host(folder: Path) -> Iterator[str]:
    """The socket's folder for libpq, which takes a comma for the end of a host: then through us."""
    if "," not in str(folder):
        yield str(folder)
        return
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _open(connect: Connect, session: Session, database: str, name: str) -> None:
    """Let ourselves in, and give the copy the settings that everybody gets in the original."""
    from psycopg.sql import SQL, Identifier

    copy = Identifier(name)
    session.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(copy))
    settings = session.execute(query("copy_settings"), {"database": database}).fetchall()
    if not settings:
        return
    with connect(name) as inside:
        for setting, value in settings:
            inside.execute("SELECT set_config(%s, %s, false)", [setting, value])
            inside.execute(
                SQL("ALTER DATABASE {} SET {} FROM CURRENT").format(copy, Identifier(setting))
            )


def _drop(connect: Connect, session: Session, name: str) -> None:
    """Also where our own session has ended; a copy that stays is a leftover to the next rehearsal."""
    import psycopg

    try:
        _drop_here(session, name)
    except psycopg.Error:
        with suppress(psycopg.Error, RfdataError), connect(MAINTENANCE) as another:
            _drop_here(another, name)


def _drop_here(session: Session, name: str) -> None:
    from psycopg.sql import SQL, Identifier

    session.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
