"""What is read of a deployment's migrations: its folder, the ledger in its database, rehearsals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rfdata.model.fact import Fact

State = Literal["applying", "applied", "failed", "baseline"]
"""`applying`: begun outside of a transaction and not known to have ended. `failed`: the same, and it
ended with an error. `baseline`: adopted, its SQL was never run here."""


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """One migration as it lies in the folder."""

    number: int
    name: str
    """The file's name without `.sql`, for example "0003_session"."""
    checksum: str
    """SHA-256 of its text, with LF line ends and without a byte order mark."""
    rollback: str
    """The same of `rollback/NAME.sql`; empty where there is none."""
    verify: str
    """The same of `verify/NAME.sql`; empty where there is none."""
    transactional: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a file or with the order of files; line and column count from 1, 0: none."""

    path: str
    line: int
    column: int
    rule: str
    """kebab-case, for example "duplicate-number"; squawk's rules begin with "squawk/"."""
    message: str
    remedy: str
    severity: Literal["error", "warning"]
    """Errors make the folder unusable. Warnings fail a lint in prod."""
    waived: str = ""
    """The reason that the file itself gives, where it waives this rule."""

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


@dataclass(frozen=True, slots=True)
class MigrationFolder:
    path: str
    files: tuple[MigrationFile, ...]
    """In the order of their numbers."""
    problems: tuple[Problem, ...]
    """Errors only: what makes the folder unusable, whatever a database says."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One row of the ledger, `rfdata.migrations`."""

    number: int
    name: str
    checksum: str
    state: State
    statements: int
    """How many the file has; counted for files that run outside of a transaction, else 0."""
    statements_done: int
    error: str
    at: datetime
    """When it was begun."""
    seconds: float
    by: str
    """user@host of whoever ran rfdata."""
    version: str
    """rfdata's."""


@dataclass(frozen=True, slots=True)
class Ledger:
    entries: tuple[LedgerEntry, ...]
    """In the order of their numbers; none where there is no ledger yet."""
    empty_database: bool
    """No relation but the ledger's and extensions': nothing could be lost."""
    others: frozenset[str] = frozenset()
    """Who holds any privilege on its table, besides its owner; "PUBLIC" for everyone."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One drill on a scratch copy: up, down, up again, from a state to a state."""

    at: datetime
    by: str
    passed: bool
    checksums: Mapping[str, str]
    """What was rehearsed: a migration's name -> its checksum and its rollback's, joined by "+"."""
    method: str
    """How the copy was made: "template", "dump", "schema" or "empty"."""
    seconds: float
    trouble: str
    """Why it did not pass; empty when it did."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, as pg_class and pg_index have it."""

    schema: str
    name: str
    kind: Literal["table", "partitioned", "partition", "view", "materialized view"]
    row_security: bool
    columns: Mapping[str, str]
    """Name -> type as format_type prints it."""
    privileges: Mapping[str, frozenset[str]]
    """Grantee ("PUBLIC" for everyone) -> privileges on the whole table, without the owner's own."""
    unindexed_foreign_keys: tuple[str, ...]
    """Constraints whose columns no index leads with."""
    uncommented: tuple[str, ...]
    """Columns without a comment; "" stands for the table itself."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What the migrations have made of the deployment's database."""

    relations: Mapping[str, Relation]
    """By "schema.name", without the ledger's and extensions'."""
    functions: frozenset[str]
    """As `schema.name`."""
    vector_indexes: tuple[str, ...]
    """HNSW and IVFFlat indexes that are valid, as "schema.name (definition)"."""
    invalid_indexes: tuple[str, ...]
    """Left behind by a CREATE INDEX CONCURRENTLY that failed."""
    indexed: frozenset[str] = frozenset()
    """Columns that a valid index begins with, as "schema.table.column"; partial indexes included."""


@dataclass(frozen=True, slots=True)
class MigrationFacts:
    folder: Fact[MigrationFolder]
    ledger: Fact[Ledger]
    schema: Fact[Schema]
    verified: Fact[Mapping[str, str]]
    """Each applied migration with a verify file: name -> "" when all of it is true, else what isn't."""
    findings: Fact[tuple[Problem, ...]]
    """What the lint says, waived findings included."""
    rehearsals: Fact[tuple[Rehearsal, ...]]
    """From the evidence log, oldest first."""


def rehearsed(file: MigrationFile, rehearsals: tuple[Rehearsal, ...]) -> Rehearsal | None:
    """The newest rehearsal that passed with exactly this file and this rollback."""
    wanted = rehearsed_as(file.checksum, file.rollback)
    for rehearsal in reversed(rehearsals):
        if rehearsal.passed and rehearsal.checksums.get(file.name) == wanted:
            return rehearsal
    return None


def rehearsed_as(checksum: str, rollback: str) -> str:
    """How a migration and its rollback are named together in a rehearsal's record."""
    return f"{checksum}+{rollback}"
