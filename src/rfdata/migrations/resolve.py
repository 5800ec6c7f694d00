"""How a person says what became of a migration that was left unfinished."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from rfdata.errors import UsageError
from rfdata.migrations import ledger, piecewise
from rfdata.migrations.acting import Acting, Observer, acting
from rfdata.migrations.job import Direction, Job
from rfdata.migrations.migration import Author, Identity, Migration, Patience
from rfdata.migrations.preflight import refuse_unfit
from rfdata.migrations.queries import query

if TYPE_CHECKING:
    from rfdata.migrations.migration import Session

How = Literal["again", "applied", "not-applied"]


def resolve(
    session: Session,
    migration: Migration,
    how: How,
    *,
    identity: Identity,
    author: Author,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    progress: Callable[[str], None] = lambda _: None,
    observer: Observer | None = None,
) -> None:
    """Settle a migration that runs outside of a transaction and is "applying" or "failed".

    "again" goes on at the first statement that is not known to be done; "applied" and
    "not-applied" only write the ledger, for whoever has ended or undone it by hand. What had begun
    as a `down` goes on as one. Raises UsageError where there is nothing to settle.
    """
    with acting(session, identity, author, patience, progress, observer) as current:
        entries = {entry.number: entry for entry in ledger.read(session)}
        entry = entries.get(migration.number)
        if entry is None or entry.state not in ("applying", "failed"):
            state = "not applied" if entry is None else entry.state
            raise UsageError(
                f"{migration.script.path} is {state}: nothing of it is unfinished",
                hint="`rfdata migrate status` shows how every migration stands",
            )
        ledger.ensure(current)
        job, done_checksum = _job(current, migration)
        match how:
            case "applied":
                piecewise.note(job, job.record.end(migration, since=f"{entry.at.isoformat()}"))
            case "not-applied":
                piecewise.note(job, job.record.delete(migration))
            case "again":
                if job.directives.transaction:
                    raise UsageError(
                        f"{job.script.path} asks for a transaction now, and a part of it is done",
                        hint="put `-- rfdata: no-transaction` back at its top",
                    )
                refuse_unfit([migration], job.direction)
                piecewise.resume(job, entry.statements_done, done_checksum)


def _job(current: Acting, migration: Migration) -> tuple[Job, str]:
    rows = current.session.execute(query("ledger_unfinished"), {"number": migration.number})
    direction, done_checksum = rows.fetchall()[0]
    record = ledger.Record(current.session, current.author)
    way: Direction = "down" if direction == "down" else "up"
    return Job(
        current, record, migration, way, "the migrations before it are applied"
    ), done_checksum
