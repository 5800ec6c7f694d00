"""Applying migrations and taking them back, one rfdata at a time, each exactly once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rfdata.migrations import choose, ledger, piecewise, whole
from rfdata.migrations.acting import Acting, acting
from rfdata.migrations.acting import Observer as Observer
from rfdata.migrations.alone import alone as alone
from rfdata.migrations.job import Direction, Job
from rfdata.migrations.migration import Author, Identity, Migration, Patience
from rfdata.migrations.preflight import preflight, refuse_unfit

if TYPE_CHECKING:
    from rfdata.migrations.migration import Session


@dataclass(frozen=True, slots=True)
class Done:
    name: str
    seconds: float
    """By the server's clock."""


def up(
    session: Session,
    migrations: Sequence[Migration],
    *,
    identity: Identity,
    author: Author,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    progress: Callable[[str], None] = lambda _: None,
    observer: Observer | None = None,
) -> tuple[Done, ...]:
    """Apply what was chosen (`choose.to_apply`), without what another rfdata has applied since.

    The session must be in autocommit mode; its settings are reset. Raises UsageError before
    anything is run where a file or the server is not fit for it, and ChangeFailed at the first
    migration that fails: what came before it stays applied.
    """
    with acting(session, identity, author, patience, progress, observer) as current:
        entries = ledger.read(session)
        left = choose.still_to_apply(migrations, entries)
        if not left:
            return ()
        refuse_unfit(left, "up")
        choose.refuse(
            (f"{problem.place}: {problem.message}", problem.remedy)
            for problem in preflight(session, left)
        )
        ledger.ensure(current)
        names, record = [entry.name for entry in entries], ledger.Record(session, author)
        return tuple(_done(current, record, migration, "up", names) for migration in left)


def down(
    session: Session,
    migrations: Sequence[Migration],
    *,
    identity: Identity,
    author: Author,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    progress: Callable[[str], None] = lambda _: None,
    observer: Observer | None = None,
) -> tuple[Done, ...]:
    """Take back what was chosen (`choose.to_take_back`), newest first. Raises like `up`."""
    with acting(session, identity, author, patience, progress, observer) as current:
        entries = ledger.read(session)
        left = choose.still_to_take_back(migrations, entries)
        if not left:
            return ()
        refuse_unfit(left, "down")
        ledger.ensure(current)
        names, record = [entry.name for entry in entries], ledger.Record(session, author)
        return tuple(_done(current, record, migration, "down", names) for migration in left)


def _done(
    current: Acting,
    record: ledger.Record,
    migration: Migration,
    direction: Direction,
    applied: list[str],
) -> Done:
    """Run one; `applied` are the names of what the database has, and is kept so."""
    if current.observer is not None:
        current.observer.started(migration.name)
    current.progress(f"{'applies' if direction == 'up' else 'takes back'} {migration.name}")
    job = Job(current, record, migration, direction, _now(applied))
    run = whole.run if job.directives.transaction else piecewise.run
    done = Done(migration.name, run(job))
    if direction == "up":
        applied.append(migration.name)
    else:
        applied.remove(migration.name)
    if current.observer is not None:
        current.observer.ended(migration.name)
    return done


def _now(applied: Sequence[str]) -> str:
    """
    >>> _now(["0001_a", "0002_b"]), _now([])
    ('0001_a to 0002_b are applied', 'no migration is applied')
    """
    if not applied:
        return "no migration is applied"
    if len(applied) == 1:
        return f"{applied[0]} is applied"
    return f"{applied[0]} to {applied[-1]} are applied"
