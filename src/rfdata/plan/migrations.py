"""Steps for migrations: which are to be applied, and what has to be true before. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rfdata.config.load import Config
from rfdata.errors import UsageError
from rfdata.migrations.choose import to_apply
from rfdata.migrations.migration import Folder
from rfdata.model.facts import Facts, Ledger, MigrationFile, Rehearsal
from rfdata.model.migrations import rehearsed, rehearsed_as
from rfdata.model.plan import Migrate, Rehearse, RollBack, Step
from rfdata.plan.servers import elsewhere, running

NEW_DATABASE = Ledger(entries=(), empty_database=True)
"""What a database that isn't there yet will hold."""


@dataclass(frozen=True, slots=True)
class Leave:
    """What a person answers for: reasons to go on without what production asks for."""

    without_backup: str = ""
    without_rehearsal: str = ""


NO_LEAVE = Leave()


def steps(config: Config, facts: Facts) -> Iterator[Step]:
    """Rehearse where nothing can be lost and production asks for it, then apply.

    Nothing where a person has to decide something first: `refusal` says what.
    """
    ledger = _ledger(config, facts)
    if ledger is None or refusal(config, facts) is not None:
        return
    files = _pending(facts, ledger)
    if config.profile == "prod" and ledger.empty_database:
        yield from rehearse(unrehearsed(files, facts.migrations.rehearsals.value))
    yield from apply(files)


def refusal(config: Config, facts: Facts) -> UsageError | None:
    """Why `rfdata up` leaves the schema as it is, though there is something to apply."""
    ledger = _ledger(config, facts)
    if ledger is None:
        return None
    try:
        files = _pending(facts, ledger)
        if ledger.empty_database:
            require_rollbacks(config, files)
        else:
            require(config, files, facts.migrations.rehearsals.value, ledger, NO_LEAVE)
    except UsageError as error:
        return error
    return None


def _pending(facts: Facts, ledger: Ledger) -> tuple[MigrationFile, ...]:
    found = Folder.from_facts(facts.migrations.folder.value)
    return tuple(migration.as_file() for migration in to_apply(found, ledger.entries))


def _ledger(config: Config, facts: Facts) -> Ledger | None:
    """What the database has; None as long as a server is down that may have one."""
    if not running(facts, "postgres"):
        return None if facts.host.data["postgres"].value.exists else NEW_DATABASE
    if elsewhere(config, facts, "postgres"):
        return None
    if config.settings.postgres.database not in facts.postgres.databases.value:
        return NEW_DATABASE
    return facts.migrations.ledger.value


def require(
    config: Config,
    files: Sequence[MigrationFile],
    rehearsals: tuple[Rehearsal, ...],
    ledger: Ledger,
    leave: Leave,
) -> None:
    """Raise UsageError for what production asks for and is missing: rollback, rehearsal, backup."""
    if config.profile != "prod" or not files:
        return
    require_rollbacks(config, files)
    missing = unrehearsed(files, rehearsals)
    if missing and not leave.without_rehearsal:
        raise UsageError(
            f"not rehearsed as they are now: {_names(missing)}; nothing was applied",
            hint="run `rfdata migrate rehearse`, then this again; or answer for it: "
            '`rfdata migrate up --without-rehearsal "REASON"`, which is put on record',
        )
    if not ledger.empty_database and not leave.without_backup:
        raise UsageError(
            f"there is no fresh backup to go back to, so nothing was applied of {_names(files)}",
            hint="rfdata does not take backups yet (pending). Take one by other means, then say so: "
            '`rfdata migrate up --without-backup "REASON"`, which is put on record',
        )


def require_rollbacks(config: Config, files: Sequence[MigrationFile]) -> None:
    """Raise UsageError when a migration can't be taken back and this is production."""
    bare = [file for file in files if not file.rollback]
    if bare and config.profile == "prod":
        raise UsageError(
            f"without a rollback: {_names(bare)}; nothing was applied",
            hint="; ".join(f"write migrations/rollback/{file.name}.sql" for file in bare[:5]),
        )


def unrehearsed(
    files: Sequence[MigrationFile], rehearsals: tuple[Rehearsal, ...]
) -> tuple[MigrationFile, ...]:
    """Those that no rehearsal has passed with exactly this file and this rollback."""
    return tuple(file for file in files if rehearsed(file, rehearsals) is None)


def rehearse(files: Sequence[MigrationFile], *, from_empty: bool = False) -> Iterator[Step]:
    """Up, down and up again, on a scratch copy; or on an empty database."""
    if files:
        where = "an empty database" if from_empty else "a scratch copy"
        yield Step(
            "migrations",
            f"rehearse {_counted(files)} on {where}: up, down, up again",
            "none needed: the copy is dropped",
            Rehearse(
                tuple((f.name, rehearsed_as(f.checksum, f.rollback)) for f in files), from_empty
            ),
        )


def apply(files: Sequence[MigrationFile]) -> Iterator[Step]:
    """One step for all: each is one transaction, or says that it isn't."""
    if files:
        before = f"{files[0].number - 1}" if files[0].number else "nothing"
        yield Step(
            "migrations",
            f"apply {_counted(files)}",
            f"rfdata migrate down --to {before}",
            Migrate(tuple((file.name, file.checksum) for file in files)),
            tuple(
                f"+ {file.name}{'' if file.transactional else ' (outside of a transaction)'}"
                for file in files
            ),
        )


def roll_back(files: Sequence[MigrationFile]) -> Iterator[Step]:
    """Newest first, as given."""
    if files:
        yield Step(
            "migrations",
            f"take back {_counted(files)}; what their tables hold is lost",
            "rfdata migrate up: the tables come back empty",
            RollBack(tuple((file.name, file.rollback) for file in files)),
            tuple(f"- {file.name}" for file in files),
        )


def _counted(files: Sequence[MigrationFile]) -> str:
    if len(files) == 1:
        return f"migration {files[0].name}"
    return f"{len(files)} migrations, {files[0].name} to {files[-1].name}"


def _names(files: Sequence[MigrationFile], most: int = 5) -> str:
    shown = ", ".join(file.name for file in files[:most])
    return shown if len(files) <= most else f"{shown} and {len(files) - most} more"
