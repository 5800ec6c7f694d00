"""Everything that is read of migrations, as readings: the folder, the ledger, the schema, the drills."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from rfdata.config.load import Config
from rfdata.errors import NotPermitted, Unreachable
from rfdata.migrations.migration import Folder
from rfdata.migrations.queries import query
from rfdata.migrations.shipped import FOLDER
from rfdata.model.fact import Fact
from rfdata.model.migrations import Ledger, MigrationFacts, Problem, Rehearsal, Schema
from rfdata.postgres import client
from rfdata.postgres.desired_roles import role_names
from rfdata.readings import Chain, Reading, single

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    Session = Connection[TupleRow]


def chains(config: Config, evidence: Path, *, socket: Path | None = None) -> list[Chain[Any]]:
    """Readings of every fact in MigrationFacts.

    With a `socket` folder the operator's connection is used. Without, DATABASE_URL's role reads
    what it may.
    """
    folder = config.directory / FOLDER
    return [
        Chain(
            partial(_read, folder),
            (
                Reading("migrations.folder", str(folder), Folder.as_facts),
                Reading("migrations.findings", f"lint of {folder}", _lint),
            ),
        ),
        _database(config, folder, socket),
        single("migrations.rehearsals", str(evidence), partial(_rehearsals, evidence)),
    ]


def build(found: Mapping[str, Fact[Any]]) -> MigrationFacts:
    """The readings of `chains` as facts."""
    names = [field.name for field in fields(MigrationFacts)]
    return MigrationFacts(**{name: found[f"migrations.{name}"] for name in names})


@contextmanager
def _read(folder: Path) -> Iterator[Folder]:
    from rfdata.migrations.folder import read_folder

    yield read_folder(folder)


def _lint(folder: Folder) -> tuple[Problem, ...]:
    from rfdata.migrations.lint import lint

    return lint(folder)


def _rehearsals(evidence: Path) -> tuple[Rehearsal, ...]:
    from rfdata.migrations.rehearsed import rehearsals

    return rehearsals(evidence)


def _database(config: Config, folder: Path, socket: Path | None) -> Chain[Session]:
    """What only the deployment's database knows, the slowest last."""
    timeout = config.settings.verify.fact_timeout
    over = "DATABASE_URL" if socket is None else "the operator's socket"
    owner = "" if socket is None else role_names(config).owner
    return Chain(
        _connection(config, socket, timeout),
        (
            Reading("migrations.ledger", f"rfdata.migrations over {over}", _ledger),
            Reading("migrations.schema", f"pg_class, pg_index, pg_proc over {over}", _schema),
            Reading(
                "migrations.verified",
                f"{folder}/verify/*.sql over {over}",
                partial(_verified, folder, owner, timeout),
            ),
        ),
    )


def _connection(
    config: Config, socket: Path | None, timeout: float
) -> Callable[[], AbstractContextManager[Session]]:
    if socket is None:
        return partial(client.service, config, timeout=timeout, read_only=True)
    postgres = config.settings.postgres
    return partial(
        client.operator,
        *(socket, postgres.port, postgres.database),
        timeout=timeout,
        read_only=True,
    )


def _ledger(session: Session) -> Ledger:
    from rfdata.migrations import ledger

    with _translated("the ledger"), session.transaction():
        return Ledger(
            entries=ledger.read(session),
            empty_database=ledger.empty_database(session),
            others=_names(session, "ledger_privileges"),
        )


def _schema(session: Session) -> Schema:
    from rfdata.migrations.inventory import schema

    with _translated("the catalogue"), session.transaction():
        return replace(schema(session), indexed=_names(session, "indexed"))


def _verified(folder: Path, owner: str, timeout: float, session: Session) -> dict[str, str]:
    """Each migration's proof, in a transaction of its own that can't write and can't last."""
    from rfdata.migrations import ledger
    from rfdata.migrations.folder import read_folder
    from rfdata.migrations.proof import untrue

    deadline = monotonic() + timeout
    with _translated("the ledger"), session.transaction():
        done = {e.name for e in ledger.read(session) if e.state in ("applied", "baseline")}
    return {
        migration.name: untrue(session, migration.verify, _until(deadline), role=owner)
        for migration in read_folder(folder).migrations
        if migration.name in done and migration.verify is not None
    }


def _until(deadline: float) -> float:
    """Seconds left; never the 0 that stands for no limit."""
    return max(0.001, deadline - monotonic())


@contextmanager
def _translated(what: str) -> Iterator[None]:
    import psycopg

    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise NotPermitted(f"{what}: {client.explained(error)}") from error
    except psycopg.Error as error:
        raise Unreachable(f"{what}: {client.explained(error)}") from error


def _names(session: Session, name: str) -> frozenset[str]:
    """The one column of the query in `sql/facts_NAME.sql`."""
    return frozenset(row[0] for row in session.execute(query(f"facts_{name}")))
