"""Databases on a real server with every role: empty ones, and ones with the whole schema."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.sql import SQL, Identifier
from tests.postgres.conftest import Cluster
from tests.postgres.conftest import pristine as pristine  # the fixture, for this folder too

from rfdata.postgres.client import MAINTENANCE, operator

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

RESEARCHFLOW = Path(__file__).parents[2] / "src" / "rfdata" / "migrations" / "researchflow"
OWNER = "researchflow_owner"


@dataclass(frozen=True)
class Scratch:
    """A database of its own; whoever is asked for logs in over the operator's socket."""

    cluster: Cluster
    name: str

    def superuser(self) -> AbstractContextManager[Session]:
        """Autocommit, with every right."""
        return operator(self.cluster.paths.socket, self.cluster.port, self.name)

    @contextmanager
    def acting_as(
        self, role: str, organization: object = None, user: object = None
    ) -> Iterator[Session]:
        """A session that has the rights of this role and no others, for this organization.

        The organization and the user are set for the session, so that autocommit sees them too.
        """
        with self.superuser() as session:
            session.execute(SQL("SET SESSION AUTHORIZATION {}").format(Identifier(role)))
            if organization is not None:
                session.execute(
                    "SELECT set_config('app.organization_id', %s, false)", [str(organization)]
                )
            if user is not None:
                session.execute("SELECT set_config('app.user_id', %s, false)", [str(user)])
            yield session

    def run(self, statement: str, *parameters: object) -> list[Any]:
        """As the superuser; returns the rows."""
        with self.superuser() as session:
            cursor = session.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def psql(self, *paths: Path) -> None:
        """Feed files to psql as the owner, stopping at the first error."""
        files = [argument for path in paths for argument in ("-f", str(path))]
        self.cluster.tool(
            "psql",
            *("-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.cluster.paths.socket)),
            *("-p", str(self.cluster.port), "-U", "postgres", "-d", self.name, *files),
            env={"PGOPTIONS": f"-c role={OWNER} -c client_min_messages=warning"},
        )


Make = Callable[..., Scratch]


@contextmanager
def scratch(cluster: Cluster, template: str = "template1") -> Iterator[Scratch]:
    """A database that is dropped afterwards, whoever is still in it."""
    name = f"scratch_{secrets.token_hex(6)}"
    statement = SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
        Identifier(name), Identifier(OWNER), Identifier(template)
    )
    with cluster.operator(MAINTENANCE) as session:
        session.execute(statement)
        session.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(name)))
    try:
        if template == "template1":
            with cluster.operator(name) as session:
                session.execute("CREATE EXTENSION vector")
                session.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        yield Scratch(cluster, name)
    finally:
        with cluster.operator(MAINTENANCE) as session:
            session.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def cluster(pristine: Cluster) -> Cluster:
    return pristine


@pytest.fixture
def blank(pristine: Cluster) -> Iterator[Scratch]:
    """An empty database as `rfdata up` makes it: the owner's, with the vector extension."""
    with scratch(pristine) as made:
        yield made


@pytest.fixture(scope="session")
def schema_template(pristine: Cluster) -> Iterator[Scratch]:
    """The whole schema, fed to psql as plain files; nobody may be connected to it."""
    with scratch(pristine) as made:
        made.psql(*sorted(RESEARCHFLOW.glob("*.sql")))
        yield made


@pytest.fixture
def migrated(pristine: Cluster, schema_template: Scratch) -> Iterator[Scratch]:
    """A database of its own with the whole schema in it."""
    with scratch(pristine, schema_template.name) as made:
        yield made
