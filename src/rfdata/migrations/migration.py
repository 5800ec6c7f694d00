"""A migration: its SQL, what takes it back, what proves it. All frozen, nothing is read here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rfdata.model.migrations import MigrationFile, MigrationFolder, Problem

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    Session = Connection[TupleRow]


@dataclass(frozen=True, slots=True)
class Script:
    """One SQL file: UTF-8, LF line ends whatever the file has, without a byte order mark."""

    path: Path
    text: str
    checksum: str
    """SHA-256 of `text` in UTF-8, hexadecimal."""


@dataclass(frozen=True, slots=True)
class Directives:
    """What a file asks for in its leading comments, each as `-- rfdata: NAME VALUE`.

    no-transaction
    lock-timeout 5s
    statement-timeout 10min
    waive squawk/prefer-bigint-over-int: the column holds a day of the week
    """

    transaction: bool = True
    lock_timeout: float | None = None
    """Seconds; None for the runner's own."""
    statement_timeout: float | None = None
    waived: Mapping[str, str] = field(default_factory=dict)
    """Rule -> reason."""


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    """The file's name without `.sql`, for example "0003_session"."""
    script: Script
    directives: Directives
    rollback: Script | None
    rollback_directives: Directives
    verify: Script | None

    def as_file(self) -> MigrationFile:
        return MigrationFile(
            number=self.number,
            name=self.name,
            checksum=self.script.checksum,
            rollback=self.rollback.checksum if self.rollback else "",
            verify=self.verify.checksum if self.verify else "",
            transactional=self.directives.transaction,
        )


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of migrations, read once. With problems it may be shown, never run."""

    path: Path
    migrations: tuple[Migration, ...]
    problems: tuple[Problem, ...]

    def as_facts(self) -> MigrationFolder:
        files = tuple(migration.as_file() for migration in self.migrations)
        return MigrationFolder(str(self.path), files, self.problems)

    @classmethod
    def from_facts(cls, found: MigrationFolder) -> Folder:
        """As far as choosing needs it: names and checksums, without the SQL."""
        path = Path(found.path)
        return cls(path, tuple(_named(path, file) for file in found.files), found.problems)


def _named(folder: Path, file: MigrationFile) -> Migration:
    def script(part: str, checksum: str) -> Script:
        return Script(folder / part / f"{file.name}.sql", "", checksum)

    return Migration(
        number=file.number,
        name=file.name,
        script=script("", file.checksum),
        directives=Directives(transaction=file.transactional),
        rollback=script("rollback", file.rollback) if file.rollback else None,
        rollback_directives=Directives(),
        verify=script("verify", file.verify) if file.verify else None,
    )


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom migrations run.

    `login` is set (SET SESSION AUTHORIZATION) where the connection is a superuser's, `owner` (SET
    ROLE) so that everything made is the owner's; both empty leave the connection as it is.
    """

    login: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Author:
    """Who runs rfdata, for the ledger."""

    by: str
    """user@host."""
    version: str
    """rfdata's."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a migration waits, in seconds."""

    lock_timeout: float = 3.0
    """For each lock: whoever waits for one blocks everybody who comes after."""
    lock_retries: int = 10
    """How often a migration that did not get its lock is begun again, each time after a longer pause."""
    statement_timeout: float = 3600.0
    advisory_timeout: float = 600.0
    """For the other rfdata that is migrating the same database."""
