"""Which migrations are to be applied or taken back, or why none may be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from rfdata.errors import UsageError
from rfdata.migrations.migration import Folder, Migration
from rfdata.model.migrations import LedgerEntry

NOTHING = "0"
"""What `down --to` takes for "all of them", unless a migration has that number."""

_SHOWN = 20

_Refusal = tuple[str, str]
"""What is wrong, what to do."""


def to_apply(
    folder: Folder, entries: Sequence[LedgerEntry], to: str | None = None
) -> tuple[Migration, ...]:
    """What the database lacks, in order, up to and with `to` (a number or a name).

    Raises UsageError with everything that speaks against it, at most 20 of it.
    """
    _usable(folder)
    last = folder.migrations[-1] if folder.migrations and to is None else None
    if to is not None:
        last = find(folder, to)
    refuse(_disagreements(folder.path, folder.migrations, entries))
    known = {entry.number for entry in entries}
    return tuple(
        migration
        for migration in folder.migrations
        if migration.number not in known and last is not None and migration.number <= last.number
    )


def to_take_back(
    folder: Folder, entries: Sequence[LedgerEntry], to: str | None = None
) -> tuple[Migration, ...]:
    """What is applied after `to`, newest first; without `to` only the newest, with "0" everything.

    Only the migrations that would be taken back are looked at, so that a mistake in an old one does
    not keep a new one in. Raises UsageError like `to_apply`.
    """
    _usable(folder)
    last = -1
    if to is None:
        last = entries[-2].number if len(entries) > 1 else -1
    elif to.strip("0") or any(migration.number == 0 for migration in folder.migrations):
        stays = find(folder, to)
        last = stays.number
        if last not in {entry.number for entry in entries}:
            raise UsageError(
                f"{stays.script.path} is not applied: there is nothing to go back to",
                hint="`rfdata migrate status` lists what is",
            )
    files = {migration.number: migration for migration in folder.migrations}
    chosen = [entry for entry in reversed(entries) if entry.number > last]
    refuse(
        refusal
        for entry in chosen
        for refusal in _in_the_way_down(folder.path, files.get(entry.number), entry)
    )
    return tuple(files[entry.number] for entry in chosen)


def find(folder: Folder, wanted: str) -> Migration:
    """The migration of this number ("7", "0007") or name. Raises UsageError."""
    for migration in folder.migrations:
        if wanted == migration.name or (
            wanted.isdecimal() and wanted.isascii() and int(wanted) == migration.number
        ):
            return migration
    names = [migration.name for migration in folder.migrations]
    there = f"there are {names[0]} to {names[-1]}" if names else "it is empty"
    raise UsageError(
        f"{folder.path} has no migration {wanted}", hint=f"give a number or a name; {there}"
    )


def still_to_apply(
    migrations: Sequence[Migration], entries: Sequence[LedgerEntry]
) -> tuple[Migration, ...]:
    """Of those that were chosen to be applied, the ones that nobody else has applied since."""
    files = {migration.number: migration for migration in migrations}
    known = {entry.number for entry in entries}
    newest = max(known, default=-1)
    left = tuple(migration for migration in migrations if migration.number not in known)
    refuse(
        refusal
        for entry in entries
        if (file := files.get(entry.number))
        for refusal in _disagreement(file.script.path, file, entry)
    )
    refuse(_too_late(migration, newest) for migration in left if migration.number < newest)
    return left


def still_to_take_back(
    migrations: Sequence[Migration], entries: Sequence[LedgerEntry]
) -> tuple[Migration, ...]:
    """Of those that were chosen to be taken back, the ones that nobody else has taken back since."""
    files = {migration.number: migration for migration in migrations}
    left = [entry for entry in reversed(entries) if entry.number in files]
    newest = list(islice(reversed(entries), len(left)))
    if left != newest:
        raise UsageError(
            f"{newest[0].name} has been applied since, and would have to go first",
            hint="`rfdata migrate status`, then run it again",
        )
    refuse(
        refusal
        for entry in left
        for refusal in _in_the_way_down(Path(), files[entry.number], entry)
    )
    return tuple(files[entry.number] for entry in left)


def refuse(refusals: Iterable[_Refusal]) -> None:
    """Raises UsageError with all of them, if there are any; at most 20 are told."""
    found = list(refusals)
    if not found:
        return
    lines = [what for what, _ in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"and {len(found) - _SHOWN} more")
    remedies = dict.fromkeys(remedy for _, remedy in found[:_SHOWN])
    raise UsageError("\n".join(lines), hint="\n".join(remedies))


def unfinished(entry: LedgerEntry, place: object) -> _Refusal:
    """How a migration that runs outside of a transaction stands, and the ways on."""
    number = entry.name.partition("_")[0]
    following = min(entry.statements_done + 1, entry.statements)
    if entry.state == "failed":
        state = f"failed at statement {following} of {entry.statements}: {entry.error}"
    else:
        state = (
            f"was begun and is not known to have ended: statement {following} of "
            f"{entry.statements} may be done or not"
        )
    return (
        f"{place} {state} ({_when(entry)})",
        ways_on(number, following),
    )


def ways_on(number: str, statement: int) -> str:
    """The commands that settle an unfinished migration; `number` as its file has it."""
    return (
        f"`rfdata migrate up --resume {number}` goes on at statement {statement}; or end it by hand "
        f"and say so with `rfdata migrate resolve {number} --as applied`, or undo it by hand and "
        f"say so with `rfdata migrate resolve {number} --as not-applied`"
    )


def _usable(folder: Folder) -> None:
    refuse(
        (f"{problem.place}: {problem.message}", problem.remedy)
        for problem in folder.problems
        if problem.severity == "error" and not problem.waived
    )


def _disagreements(
    folder: Path, migrations: Sequence[Migration], entries: Sequence[LedgerEntry]
) -> Iterator[_Refusal]:
    """Where the folder is not what was applied."""
    files = {migration.number: migration for migration in migrations}
    for entry in entries:
        yield from _disagreement(folder / f"{entry.name}.sql", files.get(entry.number), entry)
    known = {entry.number for entry in entries}
    newest = max(known, default=-1)
    for migration in migrations:
        if migration.number < newest and migration.number not in known:
            yield _too_late(migration, newest)


def _disagreement(
    path: Path, migration: Migration | None, entry: LedgerEntry
) -> Iterator[_Refusal]:
    """Where one file is not what was applied; `path` is where it should be."""
    if migration is None:
        yield (
            f"{path} is gone, and was applied {_when(entry)}",
            "bring it back from version control: the next database needs it too",
        )
    elif entry.state in ("applying", "failed"):
        yield unfinished(entry, migration.script.path)
    elif migration.script.checksum != entry.checksum:
        yield (
            f"{migration.script.path} was edited after it was applied {_when(entry)}",
            "put it back as it was, and make the change in a new migration: `rfdata migrate new NAME`",
        )
    elif migration.name != entry.name:
        yield (
            f"{migration.script.path} was applied as {entry.name}.sql {_when(entry)}",
            f"name it {entry.name}.sql again",
        )


def _too_late(migration: Migration, newest: int) -> _Refusal:
    return (
        f"{migration.script.path} sorts before number {newest}, which is applied already",
        f"give it a number after {newest}: it would run in another order elsewhere",
    )


def _in_the_way_down(
    folder: Path, migration: Migration | None, entry: LedgerEntry
) -> Iterator[_Refusal]:
    if entry.state == "baseline":
        yield (
            f"{entry.name} was adopted {_when(entry)}: its SQL never ran here, nor may its rollback",
            f"stop before it: --to {entry.name.partition('_')[0]}; or restore a backup",
        )
        return
    yield from _disagreement(folder / f"{entry.name}.sql", migration, entry)
    if migration is not None and migration.rollback is None:
        path = migration.script.path
        yield (
            f"{path} has no rollback",
            f"write {path.parent / 'rollback' / path.name}, or stop before it with --to",
        )


def _when(entry: LedgerEntry) -> str:
    return f"{entry.at:%Y-%m-%d %H:%M:%S %Z} by {entry.by}, rfdata {entry.version}"
