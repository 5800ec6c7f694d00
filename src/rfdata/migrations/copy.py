"""A scratch copy of a database, that nobody else gets into and that is gone afterwards.

Whoever makes one holds an advisory lock named after it for as long as it is needed. Where rfdata is
killed the server lets go of that lock, and the next rehearsal sees that the copy is a leftover.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, LiteralString

from rfdata.errors import ChangeFailed, ProgramMissing, RfdataError, UsageError
from rfdata.migrations import dump
from rfdata.migrations.dump import Tools as Tools
from rfdata.migrations.queries import query
from rfdata.postgres.client import MAINTENANCE, explained

if TYPE_CHECKING:
    from psycopg.sql import Composed

    from rfdata.migrations.migration import Session

Connect = Callable[[str], AbstractContextManager["Session"]]
"""The operator's connection to a database by its name, in autocommit."""

Method = Literal["template", "dump", "schema", "empty"]

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
    icu_rules: str | None
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
    empty: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Copy]:
    """A copy of `database` for the block; `empty`: with nothing of it but its extensions. Leftovers of rehearsals that were killed are removed first.

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
            with _explained(database):
                if empty:
                    method = _make_empty(connect, session, original, database, name)
                else:
                    method = _make(connect, session, original, database, name, tools, limit)
            progress(f"{database} is copied to {name} ({method})")
            _open(connect, session, database, name)
            yield Copy(name, method)
        finally:
            _drop(connect, session, name)


@contextmanager
def _explained(database: str) -> Iterator[None]:
    """What keeps a copy from being made: rights, or the server (no room on its disk)."""
    import psycopg

    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise UsageError(
            f"{database} can't be copied: {explained(error)}",
            hint="a rehearsal needs a role with CREATEDB that may act as the database's owner",
        ) from error
    except psycopg.OperationalError as error:
        raise ChangeFailed(
            f"{database} can't be copied: {explained(error)}",
            hint=f"nothing of {database} was changed; see to it, then rehearse again",
        ) from error


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
    _let_in(session, name)
    dump.pump(tools, database, name, left_out)
    return "dump" if whole else "schema"


def _make_empty(
    connect: Connect, session: Session, original: _Original, database: str, name: str
) -> Method:
    """As `rfdata up` makes it before the first migration."""
    from psycopg.sql import SQL, Identifier

    with connect(database) as there:
        extensions = there.execute(query("copy_extensions")).fetchall()
    _create(session, name, original, _like(original))
    _let_in(session, name)
    with connect(name) as inside:
        for (extension,) in extensions:
            inside.execute(
                SQL("CREATE EXTENSION IF NOT EXISTS {} CASCADE").format(Identifier(extension))
            )
    return "empty"


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
        if original.icu_rules:
            parts.append(SQL("ICU_RULES {}").format(Literal(original.icu_rules)))
    return SQL(" ").join(parts)


def _large(connect: Connect, database: str) -> tuple[str, ...]:
    with connect(database) as session:
        rows = session.execute(query("copy_large"), {"limit": SMALL}).fetchall()
    return tuple(name for (name,) in rows)


def _open(connect: Connect, session: Session, database: str, name: str) -> None:
    """Let ourselves in, and give the copy the settings that everybody gets in the original."""
    from psycopg.sql import SQL, Identifier

    copy = Identifier(name)
    _let_in(session, name)
    settings = session.execute(query("copy_settings"), {"database": database}).fetchall()
    if not settings:
        return
    with connect(name) as inside:
        for setting, value in settings:
            inside.execute("SELECT set_config(%s, %s, false)", [setting, value])
            inside.execute(
                SQL("ALTER DATABASE {} SET {} FROM CURRENT").format(copy, Identifier(setting))
            )


def _let_in(session: Session, name: str) -> None:
    from psycopg.sql import SQL, Identifier

    session.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(Identifier(name)))


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
