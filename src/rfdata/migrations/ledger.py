"""The ledger, `rfdata.migrations`: which migrations a database has. Reading it, and what writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfdata.errors import ChangeFailed, UsageError
from rfdata.migrations.queries import query
from rfdata.model.migrations import LedgerEntry, State
from rfdata.postgres.client import explained

if TYPE_CHECKING:
    from rfdata.migrations.acting import Acting
    from rfdata.migrations.migration import Author, Migration, Session

LAYOUT = 1
"""What this rfdata writes. A newer layout may have more columns: it is read, and left alone."""


def read(session: Session) -> tuple[LedgerEntry, ...]:
    """All entries in the order of their numbers; none where there is no ledger.

    Lets psycopg's errors through: no right to look, no connection.
    """
    import psycopg

    try:
        with session.transaction():
            rows = session.execute(query("ledger_read")).fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return ()
    return tuple(LedgerEntry(*row) for row in rows)


def empty_database(session: Session) -> bool:
    """Whether the database has no relation but the ledger's and extensions'."""
    row = session.execute(query("ledger_empty_database")).fetchone()
    return bool(row and row[0])


def ensure(acting: Acting) -> None:
    """Make the ledger where there is none. Raises UsageError where a newer rfdata's is there."""
    import psycopg

    session = acting.session
    try:
        row = session.execute(query("ledger_layout")).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        row = None
    if row is None:
        answer = acting.send(query("ledger_create").decode())
        if answer.error is not None:
            raise ChangeFailed(
                f"the ledger, rfdata.migrations, could not be made: {explained(answer.error)}",
                hint="whoever runs migrations needs the right to create a schema in the database",
            )
    elif row[0] > LAYOUT:
        raise UsageError(
            f"the ledger has layout {row[0]}, this rfdata writes layout {LAYOUT}",
            hint="a newer rfdata has migrated this database: use that one",
        )


class Record:
    """SQL that writes the ledger, each time as a part of a message to the server."""

    def __init__(self, session: Session, author: Author) -> None:
        from psycopg import ClientCursor

        self._cursor = ClientCursor(session)
        self._author = author

    def applied(self, migration: Migration) -> str:
        """With how long the transaction that it is part of has lasted."""
        return self._new("applied", migration)

    def insert(self, migration: Migration, state: State, statements: int = 0) -> str:
        return self._new("insert", migration, state=state, statements=statements)

    def begin_down(self, migration: Migration, statements: int) -> str:
        return self._written("begin_down", migration, statements=statements)

    def resume(self, migration: Migration, statements: int) -> str:
        checksum = migration.script.checksum
        return self._written("resume", migration, statements=statements, checksum=checksum)

    def advance(self, migration: Migration, done: int, done_checksum: str) -> str:
        return self._written("advance", migration, done=done, done_checksum=done_checksum)

    def fail(self, migration: Migration, error: str) -> str:
        return self._written("fail", migration, error=error)

    def end(self, migration: Migration, since: str) -> str:
        """Applied, or still applied; `since` is the server's time at which this attempt began."""
        return self._written("end", migration, since=since, checksum=migration.script.checksum)

    def delete(self, migration: Migration) -> str:
        return self._written("delete", migration)

    def _new(self, what: str, migration: Migration, **values: object) -> str:
        return self._written(
            what,
            migration,
            name=migration.name,
            checksum=migration.script.checksum,
            by=self._author.by,
            version=self._author.version,
            **values,
        )

    def _written(self, what: str, migration: Migration, /, **values: object) -> str:
        values = {"number": migration.number, **values}
        return self._cursor.mogrify(query(f"ledger_{what}"), values)
