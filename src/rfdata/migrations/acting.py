"""As whom, how patiently and where to migrations run; and what every message to the server begins
and ends with, so that nothing that a file sets reaches the next file or the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, LiteralString, Protocol

from rfdata.errors import Unreachable, UsageError
from rfdata.migrations.alone import alone
from rfdata.migrations.message import Answer, send
from rfdata.migrations.migration import Author, Directives, Identity, Patience
from rfdata.postgres.client import explained

if TYPE_CHECKING:
    from rfdata.migrations.lexer import Statement
    from rfdata.migrations.migration import Session


class Observer(Protocol):
    """Looks on between the statements: a rehearsal, that sees which locks are held."""

    def started(self, name: str) -> None: ...

    def statement(self, session: Session, statement: Statement) -> None:
        """After each statement, in its transaction where it has one, and before that is committed."""

    def ended(self, name: str) -> None: ...


Progress = Callable[[str], None]

FORGET = (
    "RESET ALL;CLOSE ALL;UNLISTEN *;DISCARD TEMP;DISCARD SEQUENCES;"
    # DISCARD ALL is not allowed in a transaction, and would let go of the advisory lock.
)
"""Everything that a file may leave in the session but its role, inside of a transaction or not."""


@dataclass(frozen=True, slots=True)
class Acting:
    session: Session
    author: Author
    patience: Patience
    progress: Progress
    observer: Observer | None
    whoever: str
    """SQL that makes the session act as whom it should."""
    recorder: str
    """The same for one transaction, whatever the session has become."""

    def limits(self, directives: Directives, *, local: bool) -> str:
        """SQL: how long to wait for locks and statements; `local` to the transaction."""
        scope = "LOCAL " if local else ""
        lock = first(directives.lock_timeout, self.patience.lock_timeout)
        statement = first(directives.statement_timeout, self.patience.statement_timeout)
        return (
            f"SET {scope}lock_timeout={milliseconds(lock)};"
            f"SET {scope}statement_timeout={milliseconds(statement)};"
        )

    @property
    def cleanup(self) -> str:
        """SQL after a file: deferred constraints speak up now, then all that it set is forgotten."""
        return f"\n;SET CONSTRAINTS ALL IMMEDIATE;{FORGET}{self.whoever}"

    def answer(self, *parts: str) -> Answer:
        """To a message of our own that belongs to a file's."""
        return send(self.session, *parts)

    def send(self, *parts: str) -> Answer:
        """A message of our own. Raises Unreachable where the connection ended."""
        answer = send(self.session, *parts)
        if answer.error is not None and answer.lost:
            raise Unreachable(f"the connection ended: {explained(answer.error)}")
        return answer

    def forget(self) -> None:
        """End what transaction there is, and make the session as it was before the file."""
        rollback = "ROLLBACK;" if self.session.pgconn.transaction_status else ""
        self.send(rollback, FORGET, self.whoever)

    def forget_prepared(self) -> None:
        """What files have prepared; psycopg's own statements are not SQL's."""
        rows = self.session.execute("SELECT name FROM pg_prepared_statements WHERE from_sql")
        from psycopg.sql import SQL, Identifier

        for (name,) in rows.fetchall():
            self.session.execute(SQL("DEALLOCATE {}").format(Identifier(name)))


@contextmanager
def acting(
    session: Session,
    identity: Identity,
    author: Author,
    patience: Patience,
    progress: Progress,
    observer: Observer | None = None,
) -> Iterator[Acting]:
    """Alone in this database and as whom it should be; afterwards the session is whose it was.

    Settings of the session are reset. Notices of the server are told as progress. Raises UsageError
    where the session may not act as that, Unreachable when another rfdata doesn't end.
    """
    import psycopg

    def notice(said: psycopg.errors.Diagnostic) -> None:
        progress(f"{said.severity or 'NOTICE'}: {said.message_primary or ''}")

    if not session.autocommit or session.pgconn.transaction_status != 0:
        raise UsageError("migrations need a session in autocommit mode, outside of a transaction")
    with alone(session, patience, progress):
        before = session.execute("SELECT session_user, current_setting('role')").fetchone()
        login, role = before or ("", "")
        names = identity.login or login, identity.owner or role
        run = Acting(
            session,
            author,
            patience,
            progress,
            observer,
            _whoever(session, *names),
            "SET LOCAL transaction_read_only=off;SET LOCAL search_path=pg_catalog;"
            "SET LOCAL lock_timeout=0;SET LOCAL statement_timeout=0;"
            + _whoever(session, *names, scope="LOCAL "),
        )
        answer = run.send(FORGET, run.whoever)
        if answer.error is not None:
            raise UsageError(
                f"can't act as {' and '.join(names)}: {explained(answer.error)}",
                hint="the migrator must be a member of the owner; `rfdata up` makes both",
            )
        session.add_notice_handler(notice)
        try:
            yield run
        finally:
            session.remove_notice_handler(notice)
            with suppress(Unreachable):
                replace(run, whoever=_whoever(session, login, role)).forget()


def _whoever(session: Session, login: str, role: str, *, scope: LiteralString = "") -> str:
    from psycopg.sql import SQL, Identifier

    named = SQL("NONE") if role == "none" else Identifier(role)
    return (
        SQL("SET {0}SESSION AUTHORIZATION {1};SET {0}ROLE {2};")
        .format(SQL(scope), Identifier(login), named)
        .as_string(session)
    )


def first(wanted: float | None, usual: float) -> float:
    return usual if wanted is None else wanted


def milliseconds(seconds: float) -> int:
    """
    >>> milliseconds(0.0001), milliseconds(0), milliseconds(2.5)
    (1, 0, 2500)
    """
    return max(1, round(seconds * 1000)) if seconds else 0
