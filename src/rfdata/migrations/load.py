"""A small live load: how long somebody who reads or writes has to wait while a migration runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from statistics import median
from time import monotonic
from typing import TYPE_CHECKING, LiteralString

from rfdata.errors import RfdataError
from rfdata.migrations.locks import Target

if TYPE_CHECKING:
    from psycopg.sql import Composed

    from rfdata.migrations.migration import Session

PAUSE = 0.002
"""Seconds between two statements: it is a small load, and shares the machine with the migration."""

READING = "SELECT 1 FROM ONLY {} LIMIT 1"
WRITING = "DELETE FROM ONLY {} WHERE false"
"""Takes the lock of every write, and needs no column's name. It never finds a row."""


@dataclass(frozen=True, slots=True)
class Waits:
    """What the load saw during one migration, in seconds."""

    worst: float = 0.0
    median: float = 0.0
    statements: int = 0


class Worker:
    """One session that goes round and round the tables."""

    def __init__(
        self, connect: Callable[[], AbstractContextManager[Session]], statement: LiteralString
    ) -> None:
        self._connect = connect
        self._statement = statement
        self._stop = threading.Event()
        self._at_work = threading.Lock()
        """Held during each statement: whoever gets it knows that none is under way."""
        self._statements: Sequence[Composed] = ()
        self._waits: list[float] = []
        self.trouble = ""
        self.thread = threading.Thread(target=self._run, daemon=True)

    def aim(self, tables: Collection[Target]) -> None:
        """Measure from now on, at these tables."""
        from psycopg.sql import SQL, Identifier

        form = SQL(self._statement)
        found = [form.format(Identifier(each.schema, each.name)) for each in tables]
        with self._at_work:
            self._statements, self._waits = found, []

    def measured(self) -> list[float]:
        """What was measured since; a statement that is under way is waited for."""
        with self._at_work:
            return list(self._waits)

    def end(self) -> None:
        self._stop.set()
        self.thread.join()

    def _run(self) -> None:
        import psycopg

        try:
            with self._connect() as session:
                _prepare(session)
                position = 0
                while not self._stop.wait(PAUSE):
                    position = self._one(session, position)
        except (psycopg.Error, RfdataError) as error:
            self.trouble = str(error)

    def _one(self, session: Session, position: int) -> int:
        """A table that was dropped, or can't be written, has answered too."""
        import psycopg

        with self._at_work:
            if not self._statements:
                return 0
            statement = self._statements[position % len(self._statements)]
            began = monotonic()
            try:
                session.execute(statement)
            except psycopg.Error:
                if session.broken:
                    raise
            self._waits.append(monotonic() - began)
        return position + 1


class Load:
    def __init__(self, workers: tuple[Worker, ...]) -> None:
        self._workers = workers

    @property
    def trouble(self) -> str:
        """Why a part of it stopped; empty while all of it works."""
        return "; ".join(each.trouble for each in self._workers if each.trouble)

    @contextmanager
    def measuring(self, tables: Collection[Target]) -> Iterator[list[Waits]]:
        """What was seen is in the list once the block has ended."""
        seen: list[Waits] = []
        for each in self._workers:
            each.aim([table for table in tables if table.has_rows])
        yield seen
        waits = [wait for each in self._workers for wait in each.measured()]
        if waits:
            seen.append(Waits(max(waits), median(waits), len(waits)))


@contextmanager
def load(connect: Callable[[], AbstractContextManager[Session]]) -> Iterator[Load]:
    """One session that reads and one that writes, until the block ends."""
    workers = Worker(connect, READING), Worker(connect, WRITING)
    for worker in workers:
        worker.thread.start()
    try:
        yield Load(workers)
    finally:
        for worker in workers:
            worker.end()


def _prepare(session: Session) -> None:
    """No triggers; and where it meets a deadlock with the migration, it is the load that gives way."""
    import psycopg

    for setting in ("session_replication_role = replica", "deadlock_timeout = '10ms'"):
        with suppress(psycopg.errors.InsufficientPrivilege):
            session.execute(f"SET {setting}".encode())
