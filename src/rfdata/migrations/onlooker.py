"""Looks on while migrations run on a copy: how long each takes, what it locks, who waits for it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, ExitStack
from time import monotonic
from typing import TYPE_CHECKING

from rfdata.migrations.catalogue import Catalogue, snapshot
from rfdata.migrations.load import Load, Waits
from rfdata.migrations.locks import Watch, gate, targets
from rfdata.migrations.rehearsed import Pass, Ran

if TYPE_CHECKING:
    from rfdata.migrations.lexer import Statement
    from rfdata.migrations.migration import Session


class Onlooker:
    """An Observer of one pass over migrations. What it learnt is there also when one has failed."""

    def __init__(
        self,
        direction: Pass,
        looking: Session,
        traffic: Load,
        connect: Callable[[], AbstractContextManager[Session]],
        *,
        alone: Collection[str],
        every: bool,
    ) -> None:
        """`looking` is a session of our own, `connect` opens more of them. `alone` are the
        migrations that run outside of a transaction; `every`: the catalogue is read after each."""
        self.ran: list[Ran] = []
        self.catalogues: dict[str, Catalogue] = {}
        """As each migration has left it."""
        self._direction = direction
        self._looking = looking
        self._traffic = traffic
        self._connect = connect
        self._alone = alone
        self._every = every
        self._current = ExitStack()
        self._pid = 0
        self._watch = Watch({})
        self._waits: list[Waits] = []
        self._began = 0.0
        self._spent = 0.0
        """Seconds that it took ourselves to look."""

    def watches(self, session: Session) -> Onlooker:
        """`session` is the one that will run the migrations."""
        self._pid = session.info.backend_pid
        return self

    def close(self) -> None:
        """Ends what was begun for a migration that failed."""
        self._current.close()

    def started(self, name: str) -> None:
        existing = targets(self._looking)
        self._watch = Watch(existing)
        self._waits = self._current.enter_context(self._traffic.measuring(existing.values()))
        if name in self._alone:
            self._current.enter_context(gate(self._connect, self._pid, self._watch))
        self._began, self._spent = monotonic(), 0.0

    def statement(self, session: Session, statement: Statement) -> None:
        began = monotonic()
        self._watch.statement(session, statement)
        self._spent += monotonic() - began

    def ended(self, name: str) -> None:
        seconds = monotonic() - self._began - self._spent
        if name not in self._alone:
            self._watch.ended()
        self._current.close()
        waits = self._waits[0] if self._waits else Waits()
        self.ran.append(Ran(name, self._direction, seconds, self._watch.held, waits))
        if self._every:
            self.catalogues[name] = snapshot(self._looking)
