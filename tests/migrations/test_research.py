"""Projects, workflows and runs: versions that stay, and each organization sees its own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors
from tests.migrations.conftest import Scratch
from tests.migrations.people import (
    GUIDELINES,
    ORCHESTRATOR,
    READONLY,
    SERVICE_ROLES,
    WORKER,
    at_once,
)
from tests.migrations.studies import (
    Study,
    make_study,
    one,
    organizations_seen,
    refused,
    start,
)
from tests.migrations.studies import (
    shared as shared,
)
from tests.migrations.studies import (
    study as study,
)

if TYPE_CHECKING:
    pass

TABLES = (
    "projects",
    "project_members",
    "workflows",
    "workflow_versions",
    "runs",
    "run_moves",
    "stage_runs",
    "stage_moves",
    "checkpoints",
)
# Versions and history stay


def test_workflow_versions_count_and_the_same_definition_adds_none(study: Study) -> None:
    with study.acting() as session:
        workflow = one(session, "INSERT INTO research.workflows (name) VALUES ('x') RETURNING id")
        add = "SELECT version_number FROM research.add_workflow_version(%s, %s)"
        given = ['{"a": 1}', '{ "a":1 }', '{"a": 2}', '{"a": 1}']
        numbers = [one(session, add, workflow, definition) for definition in given]
        refused(session, errors.CheckViolation, add, workflow, "[]")
    assert numbers == [1, 1, 2, 3]


def test_concurrent_versions_have_no_gaps(study: Study) -> None:
    with study.acting() as session:
        workflow = one(session, "INSERT INTO research.workflows (name) VALUES ('x') RETURNING id")

    add = (
        "SELECT version_number FROM"
        " research.add_workflow_version(%s, jsonb_build_object('n', %s::int))"
    )
    with study.crowd(8) as sessions:
        numbers = at_once([partial(one, each, add, workflow, n) for n, each in enumerate(sessions)])
    assert sorted(numbers, key=str) == list(range(1, 9))


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("workflow_versions", "definition = '{\"a\": 1}'"),
        ("run_moves", "reason = 'Forged'"),
        ("stage_moves", "reason = 'Forged'"),
        ("checkpoints", "state = '{}'"),
    ],
)
def test_what_is_on_record_is_never_changed(study: Study, table: str, change: str) -> None:
    with study.acting(WORKER) as session:
        stage = start(session, study.run)
        session.execute("SELECT research.save_checkpoint(%s, '[1]')", (stage,))
    statements = (
        f"UPDATE research.{table} SET {change}",
        f"DELETE FROM research.{table}",
        f"TRUNCATE research.{table} CASCADE",
    )
    with study.place.superuser() as superuser, study.owning() as owner:
        for statement in statements:
            for session in (superuser, owner):
                with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
                    session.execute(statement.encode())


# Isolation


@pytest.fixture
def both(shared: Scratch) -> tuple[Study, Study]:
    """Two organizations, each with a row in every table."""
    studies = (make_study(shared), make_study(shared))
    for each in studies:
        with each.acting() as session:
            session.execute(
                "INSERT INTO research.project_members (project_id, user_id) VALUES (%s, %s)",
                (each.project, each.organization.viewer),
            )
            stage = start(session, each.run)
            session.execute("SELECT research.save_checkpoint(%s, '{}')", (stage,))
    return studies


@pytest.mark.parametrize("role", [*SERVICE_ROLES, READONLY])
def test_each_role_sees_its_own_organization_and_without_one_nothing(
    both: tuple[Study, Study], role: str
) -> None:
    ours, _ = both
    with ours.acting(role) as inside, ours.place.acting_as(role) as outside:
        for table in TABLES:
            assert organizations_seen(inside, f"research.{table}") == {ours.organization.id}
            assert organizations_seen(outside, f"research.{table}") == set()


def test_nobody_writes_into_another_organization(both: tuple[Study, Study]) -> None:
    ours, theirs = both
    stranger = theirs.organization.viewer
    with ours.acting() as session:
        for error, statement, parameters in (
            (
                errors.InsufficientPrivilege,
                "INSERT INTO research.projects (organization_id, title) VALUES (%s, 'x')",
                (theirs.organization.id,),
            ),
            (
                errors.ForeignKeyViolation,
                "INSERT INTO research.runs (project_id, workflow_version_id) VALUES (%s, %s)",
                (theirs.project, ours.workflow_version),
            ),
            (
                errors.ForeignKeyViolation,
                "INSERT INTO research.runs (project_id, workflow_version_id) VALUES (%s, %s)",
                (ours.project, theirs.workflow_version),
            ),
            (
                errors.ForeignKeyViolation,
                "INSERT INTO research.project_members (project_id, user_id) VALUES (%s, %s)",
                (ours.project, stranger),
            ),
        ):
            with pytest.raises(error):
                session.execute(statement.encode(), parameters)
        changed = session.execute(
            "UPDATE research.projects SET title = 'Mine' WHERE id = %s", (theirs.project,)
        )
        assert changed.rowcount == 0


def test_functions_do_not_find_what_is_another_organizations(both: tuple[Study, Study]) -> None:
    ours, theirs = both
    with theirs.acting() as session:
        stage = one(session, "SELECT id FROM research.stage_runs")
        workflow = one(session, "SELECT id FROM research.workflows")
    calls = (
        (b"SELECT research.move_run(%s, 'cancelled')", theirs.run),
        (b"SELECT research.begin_stage(%s, 2)", theirs.run),
        (b"SELECT research.move_stage(%s, 'failed')", stage),
        (b"SELECT research.save_checkpoint(%s, '{}')", stage),
        (b"SELECT research.add_workflow_version(%s, '{}')", workflow),
        (b"SELECT research.move_run(%s, 'cancelled')", uuid4()),
    )
    with ours.acting() as inside, ours.place.acting_as(ORCHESTRATOR) as outside:
        for call, parameter in calls:
            with pytest.raises(errors.NoDataFound, match="does not exist here"):
                inside.execute(call, (parameter,))
            with pytest.raises(errors.InsufficientPrivilege, match="no organization is set"):
                outside.execute(call, (parameter,))


@pytest.mark.parametrize("role", [GUIDELINES, READONLY])
def test_readers_only_read(study: Study, role: str) -> None:
    with study.acting(role) as session:
        for statement in (
            b"INSERT INTO research.projects (title) VALUES ('x')",
            b"DELETE FROM research.projects",
            b"SELECT research.move_run(gen_random_uuid(), 'queued')",
        ):
            with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
                session.execute(statement)


def test_nobody_chooses_who_it_was(study: Study) -> None:
    other: UUID = study.organization.admin
    with study.acting() as session:
        assert (
            one(session, "INSERT INTO research.projects (title) VALUES ('x') RETURNING created_by")
            == study.organization.researcher
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(
                "INSERT INTO research.projects (title, created_by) VALUES ('x', %s)", (other,)
            )
