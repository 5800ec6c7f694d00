"""Research to test with: made by a service, within its organization, as in production."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection, errors
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from tests.migrations.conftest import OWNER, Scratch, scratch
from tests.migrations.people import ORCHESTRATOR, Organization, make_organization
from tests.postgres.conftest import Cluster

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

SHA256 = bytes(range(32))

ADD_VERSION: LiteralString = (
    "SELECT version_id FROM research.add_artifact_version"
    "(%s, sha256(%s::text::bytea), 10, 'text/csv', 's3://bucket/key')"
)
LINK: LiteralString = (
    "INSERT INTO research.artifact_edges (from_version_id, kind, to_version_id) VALUES (%s, %s, %s)"
)
APPEND: LiteralString = "SELECT version_number FROM research.append_manuscript_version(%s, %s)"
FIND: LiteralString = (
    "INSERT INTO research.phi_findings"
    " (dataset_id, kind, location, confidence, detector, fingerprint)"
    " VALUES (%s, 'name', %s, 0.9, 'presidio 2.2', %s)"
)
ENQUEUE: LiteralString = "SELECT research.enqueue_job(%s, job_priority => %s)"
INVOKE: LiteralString = (
    "INSERT INTO research.ai_invocations (provider, model, status, prompt_tokens, response_tokens,"
    " cost, currency, latency_ms, prompt_sha256, response_sha256, invoked_at)"
    " VALUES ('p', 'm', %s, 1000, 10, %s, %s, 900, %s, %s, %s)"
)


@pytest.fixture(scope="module")
def shared(pristine: Cluster, schema_template: Scratch) -> Iterator[Scratch]:
    """One database with the whole schema for a module whose tests keep to their organizations."""
    with scratch(pristine, schema_template.name) as made:
        yield made


@pytest.fixture
def study(shared: Scratch) -> Study:
    return make_study(shared)


def one(session: Session, statement: LiteralString, *parameters: object) -> Any:
    """The first column of the first row."""
    row = session.execute(statement, parameters or None).fetchone()
    assert row is not None
    return row[0]


@dataclass(frozen=True)
class Study:
    """A project under way in an organization of its own."""

    place: Scratch
    organization: Organization
    project: UUID
    workflow_version: UUID
    run: UUID

    @contextmanager
    def acting(self, role: str = ORCHESTRATOR, user: UUID | None = None) -> Iterator[Session]:
        """A service that works for this organization, on behalf of its researcher or another."""
        who = user or self.organization.researcher
        with self.place.acting_as(role, self.organization.id, who) as session:
            yield session

    @contextmanager
    def crowd(self, size: int, role: str = ORCHESTRATOR) -> Iterator[list[Session]]:
        """Many of a service's sessions, for those who do something at once."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.acting(role)) for _ in range(size)]

    @contextmanager
    def owning(self) -> Iterator[Session]:
        """The owner of the tables: past row-level security and grants, not past triggers."""
        with self.acting(OWNER) as session:
            yield session


def make_study(place: Scratch) -> Study:
    """With a run that has been created and nothing more."""
    organization = make_organization(place)
    with place.acting_as(ORCHESTRATOR, organization.id, organization.researcher) as session:
        project = one(
            session, "INSERT INTO research.projects (title) VALUES ('Study') RETURNING id"
        )
        workflow = one(session, "INSERT INTO research.workflows (name) VALUES ('Way') RETURNING id")
        version = one(
            session, "SELECT version_id FROM research.add_workflow_version(%s, '{}')", workflow
        )
        run = one(
            session,
            "INSERT INTO research.runs (project_id, workflow_version_id) VALUES (%s, %s)"
            " RETURNING id",
            project,
            version,
        )
    return Study(place, organization, project, version, run)


def start(session: Session, run: UUID, stage: int = 1) -> UUID:
    """Get a created run and one of its stages to run; returns the stage run."""
    for state in ("queued", "running"):
        session.execute("SELECT research.move_run(%s, %s)", (run, state))
    begun = one(session, "SELECT research.begin_stage(%s, %s)", run, stage)
    session.execute("SELECT research.move_stage(%s, 'running')", (begun,))
    assert isinstance(begun, UUID)
    return begun


def refused(
    session: Connection[Any],
    error: type[psycopg.Error],
    statement: LiteralString,
    *parameters: object,
) -> str:
    """Run what must fail with this error, and leave no trace of it; returns the message."""
    with pytest.raises(error) as caught, session.transaction():
        session.execute(statement, parameters or None)
    return str(caught.value)


def organizations_seen(session: Session, table: str) -> set[UUID] | None:
    """Whose rows of this table there are; None where it may not be read at all."""
    try:
        rows = session.execute(
            SQL("SELECT DISTINCT organization_id FROM {}").format(Identifier(*table.split(".")))
        ).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return None
    return {row[0] for row in rows}


def tables_of_organizations(place: Scratch, schema: str) -> set[str]:
    """Every table and view with an organization_id, as the catalogue has them."""
    rows = place.run(
        "SELECT a.attrelid::regclass::text FROM pg_attribute AS a"
        " JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v')"
        " WHERE c.relnamespace = to_regnamespace(%s) AND a.attname = 'organization_id'",
        schema,
    )
    return {row[0] for row in rows}


def versions(study: Study, session: Session, count: int) -> list[UUID]:
    """So many versions of one new artifact."""
    artifact = one(
        session,
        "INSERT INTO research.artifacts (project_id, name, kind) VALUES (%s, 'a', 'data')"
        " RETURNING id",
        study.project,
    )
    return [one(session, ADD_VERSION, artifact, str(number)) for number in range(count)]


def new_manuscript(study: Study) -> UUID:
    with study.acting() as session:
        made = one(
            session,
            "INSERT INTO research.manuscripts (project_id, title) VALUES (%s, 'M') RETURNING id",
            study.project,
        )
    assert isinstance(made, UUID)
    return made


def new_dataset(study: Study) -> UUID:
    with study.acting() as session:
        made = one(
            session,
            "INSERT INTO research.datasets (project_id, name) VALUES (%s, 'D') RETURNING id",
            study.project,
        )
    assert isinstance(made, UUID)
    return made


@dataclass(frozen=True)
class Gate:
    study: Study
    id: UUID

    def decide(self, user: UUID, decision: str = "approve", because: str = "") -> str:
        with self.study.acting(user=user) as session, session.transaction():
            state = one(session, "SELECT research.decide(%s, %s, %s)", self.id, decision, because)
        assert isinstance(state, str)
        return state

    def refuses(
        self, error: type[errors.Error], user: UUID, decision: str = "approve", because: str = ""
    ) -> str:
        decide: LiteralString = "SELECT research.decide(%s, %s, %s)"
        with self.study.acting(user=user) as session:
            return refused(session, error, decide, self.id, decision, because)


def claim(session: Session, *kinds: str, lease: str = "1 minute") -> dict[str, Any] | None:
    with session.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            "SELECT * FROM research.claim_job('w', %s, %s::interval)", (list(kinds) or None, lease)
        )
        return cursor.fetchone()


def claimed(session: Session, *kinds: str) -> dict[str, Any]:
    job = claim(session, *kinds)
    assert job is not None
    return job


def enqueue(study: Study, *priorities: int, kind: str = "analysis") -> list[UUID]:
    with study.acting() as session:
        return [one(session, ENQUEUE, kind, priority) for priority in priorities]


def read_job(study: Study, which: UUID, columns: str) -> tuple[Any, ...]:
    [row] = study.place.run(f"SELECT {columns} FROM research.jobs WHERE id = %s", which)
    assert isinstance(row, tuple)
    return row
