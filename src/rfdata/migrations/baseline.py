"""Adopting a database that had its schema before rfdata came."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from rfdata.errors import ChangeFailed, UsageError
from rfdata.migrations import choose, ledger
from rfdata.migrations.acting import Acting, acting
from rfdata.migrations.migration import Author, Folder, Identity, Migration, Patience
from rfdata.migrations.proof import untrue
from rfdata.postgres.client import explained

if TYPE_CHECKING:
    from rfdata.migrations.migration import Session


def baseline(
    session: Session,
    folder: Folder,
    to: str,
    *,
    identity: Identity,
    author: Author,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[str, ...]:
    """Record everything up to `to` as already there, and run none of it. Returns their names.

    What has a verify file is proved first. Raises UsageError where the ledger has entries, where
    there is nothing to adopt, and where the proof fails.
    """
    last = choose.find(folder, to)
    with acting(session, identity, author, patience, progress) as current:
        entries = ledger.read(session)
        if entries:
            raise UsageError(
                f"the ledger has entries already, {entries[0].name} to {entries[-1].name}",
                hint="a database is adopted once; from then on `rfdata migrate up` goes on",
            )
        if ledger.empty_database(session):
            raise UsageError(
                "the database is empty: there is nothing to adopt", hint="run `rfdata migrate up`"
            )
        chosen = [m for m in choose.to_apply(folder, entries) if m.number <= last.number]
        choose.refuse(_unproved(current, chosen))
        ledger.ensure(current)
        record = ledger.Record(session, author)
        answer = current.send(
            current.recorder, *(record.insert(migration, "baseline") for migration in chosen)
        )
        if answer.error is not None:
            raise ChangeFailed(
                f"nothing was adopted: {explained(answer.error)}",
                hint="run `rfdata migrate baseline` again",
            )
    return tuple(migration.name for migration in chosen)


def _unproved(current: Acting, chosen: Sequence[Migration]) -> Iterator[tuple[str, str]]:
    for migration in chosen:
        if migration.verify is None:
            continue
        current.progress(f"proves {migration.name}")
        timeout = current.patience.statement_timeout
        if wrong := untrue(current.session, migration.verify, timeout):
            yield (
                f"{migration.verify.path}, {wrong}",
                f"bring the database to where {migration.name} leaves it, or adopt less with --to",
            )
