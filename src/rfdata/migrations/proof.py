"""Verify files: queries that say, each with a boolean, whether what a migration promised is so."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from rfdata.errors import NotPermitted, Unreachable
from rfdata.migrations.lexer import SqlError, Statement, position, statements
from rfdata.migrations.migration import Script
from rfdata.postgres.client import explained

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    Session = Connection[TupleRow]

_QUERIES = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "("})
"""What a verify file may consist of. In a transaction that can't write, none of them changes a row;
COPY, RESET ROLE and DO are not among them."""


def untrue(session: Session, script: Script, seconds: float, *, role: str = "") -> str:
    """The first thing in a verify file that is not true, with its line; empty when all of it is.

    Within a transaction it leaves that as it was. `role` is whose rights count, if not the session's
    own. Raises Unreachable when it isn't done within `seconds` (0: however long it takes), and
    NotPermitted where, without a `role`, the session may not look.
    """
    import psycopg
    from psycopg.sql import SQL, Identifier

    deadline = monotonic() + seconds if seconds else inf
    try:
        found = statements(script.text)
        with session.transaction(force_rollback=True):
            session.execute("SET TRANSACTION READ ONLY")
            if role:
                session.execute(SQL("SET LOCAL ROLE {}").format(Identifier(role)))
            for statement in found:
                if wrong := _wrong(session, statement, deadline):
                    return f"line {statement.line}: {wrong}"
    except SqlError as error:
        return f"line {position(script.text, error.offset)[0]}: {error.message}"
    except (psycopg.errors.QueryCanceled, psycopg.OperationalError) as error:
        raise Unreachable(f"{script.path}: {explained(error)}") from error
    except psycopg.errors.InsufficientPrivilege as error:
        if role:
            return explained(error)
        raise NotPermitted(f"{script.path}: {explained(error)}") from error
    except psycopg.Error as error:
        return explained(error)
    return "" if found else "there is no query in it"


def _wrong(session: Session, statement: Statement, deadline: float) -> str:
    """Why one statement proves nothing; empty when it does."""
    if statement.head(1)[0].text.upper() not in _QUERIES:
        return "not a query: a verify file consists of SELECTs"
    left = max(1, round((deadline - monotonic()) * 1000)) if deadline < inf else 0
    session.execute("SELECT set_config('statement_timeout', %s, true)", [str(left)])
    # In binary, so that the server itself takes one statement only.
    with session.cursor(binary=True) as cursor:
        rows = cursor.execute(statement.text.encode()).fetchall()
        names = [column.name for column in cursor.description or ()]
    if not rows or not names:
        return "no row"
    wrong = [
        name for row in rows for name, value in zip(names, row, strict=True) if value is not True
    ]
    return f"not true: {', '.join(dict.fromkeys(wrong))}" if wrong else ""
