"""Which locks a migration holds on what was there before it, and for how long.

In a transaction locks are only ever added until its end, so a look after each statement sees them
all. A statement outside of a transaction lets go of its locks as it ends: there a gate makes it
stop while it holds them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from rfdata.errors import RfdataError
from rfdata.migrations.queries import query

if TYPE_CHECKING:
    from rfdata.migrations.lexer import Statement
    from rfdata.migrations.migration import Session

BLOCKS: Mapping[str, str] = {
    "ACCESS EXCLUSIVE": "nobody reads or writes",
    "EXCLUSIVE": "nobody writes; reading goes on",
    "SHARE ROW EXCLUSIVE": "nobody writes; reading goes on",
    "SHARE": "nobody writes; reading goes on",
    "SHARE UPDATE EXCLUSIVE": "reading and writing go on; other changes of the table wait",
    "ROW EXCLUSIVE": "reading and writing go on",
    "ROW SHARE": "reading and writing go on",
}
"""What each mode keeps others from, the strongest first."""

_MODES = {mode.title().replace(" ", "") + "Lock": mode for mode in BLOCKS}
"""As pg_locks names them."""

_STRENGTH = {mode: -place for place, mode in enumerate(BLOCKS)}

_LOOK = 0.001
"""Seconds between two looks at a session outside of a transaction."""


@dataclass(frozen=True, slots=True)
class Target:
    """A relation that was there before the migration."""

    schema: str
    name: str
    has_rows: bool

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Held:
    relation: str
    mode: str
    seconds: float
    """From the beginning of the statement that took it to the end of the transaction; outside of
    one, from when it was first seen to when it was last seen."""

    def __str__(self) -> str:
        return f"{self.mode} on {self.relation} for {self.seconds:.3f} s: {BLOCKS[self.mode]}"


def targets(session: Session) -> Mapping[int, Target]:
    """What is there now, by oid."""
    rows = session.execute(query("locks_relations"))
    return {oid: Target(schema, name, has_rows) for oid, schema, name, has_rows in rows}


class Watch:
    """Looks on at one migration; `held` tells what it saw."""

    def __init__(self, existing: Mapping[int, Target]) -> None:
        self._existing = existing
        self._seen: dict[tuple[str, str], tuple[float, float]] = {}
        self._since = monotonic()
        self._offset = -1

    def statement(self, session: Session, statement: Statement) -> None:
        """After each statement. One before the last that was seen: the file was begun anew, because
        it didn't get a lock, and what it held until then is let go."""
        if statement.start <= self._offset:
            self._seen.clear()
        self._offset = statement.start
        if not self._existing:
            return
        known = {"existing": [*self._existing]}
        rows = session.execute(query("locks_held"), known, prepare=False).fetchall()
        now = monotonic()
        for oid, mode in rows:
            self.saw(oid, mode, self._since, now)
        self._since = now

    def ended(self) -> None:
        """The transaction has just ended. (Outside of one, what counts is when it was last seen.)"""
        now = monotonic()
        self._seen = {key: (since, now) for key, (since, _) in self._seen.items()}

    def saw(self, oid: int, mode: str, since: float, until: float) -> None:
        target = self._existing.get(oid)
        if target is not None and mode in _MODES:
            first, _ = self._seen.get((str(target), _MODES[mode]), (since, until))
            self._seen[str(target), _MODES[mode]] = (first, until)

    @property
    def held(self) -> tuple[Held, ...]:
        """The strongest and longest first; of one relation each mode that it went through."""
        found = [
            Held(relation, mode, until - since)
            for (relation, mode), (since, until) in self._seen.items()
        ]
        return tuple(sorted(found, key=lambda each: (-_STRENGTH[each.mode], -each.seconds)))


@contextmanager
def gate(
    connect: Callable[[], AbstractContextManager[Session]], pid: int, watch: Watch
) -> Iterator[None]:
    """While this lasts, the session `pid` stops wherever it is about to write into pg_class.

    Every change of the schema does, and VACUUM too: while it waits for us it holds its locks, we
    note them, and let it go on. For statements outside of a transaction only.
    """
    shut, done = threading.Event(), threading.Event()
    arguments = connect, pid, watch, shut, done
    worker = threading.Thread(target=_keep_gate, args=arguments, daemon=True)
    worker.start()
    shut.wait()
    try:
        yield
    finally:
        done.set()
        worker.join()


def _keep_gate(
    connect: Callable[[], AbstractContextManager[Session]],
    pid: int,
    watch: Watch,
    shut: threading.Event,
    done: threading.Event,
) -> None:
    """`shut` is set once the gate is, or can't be."""
    import psycopg

    try:
        with connect() as session:
            session.execute("SET lock_timeout = '20ms'")
            while not done.is_set():
                try:
                    with session.transaction():
                        session.execute("LOCK TABLE pg_catalog.pg_class IN SHARE MODE")
                        shut.set()
                        _look_until_it_waits(session, pid, watch, done)
                except psycopg.errors.LockNotAvailable:
                    continue
    except (psycopg.Error, RfdataError):
        return  # the locks of this migration stay unseen, and the session goes on without us
    finally:
        shut.set()


def _look_until_it_waits(session: Session, pid: int, watch: Watch, done: threading.Event) -> None:
    """For the gate, or for our own transaction to end: CREATE INDEX CONCURRENTLY waits for those
    that had a snapshot, and we have one while we look."""
    waits = False
    while not waits and not done.wait(_LOOK):
        began = monotonic()
        rows = session.execute(query("locks_of"), {"pid": pid}).fetchall()
        for oid, mode, granted in rows:
            waits = waits or not granted
            if granted:
                watch.saw(oid, mode, began, monotonic())
