"""What research made stays as it is on record, and is seen by its organization only."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString
from uuid import UUID, uuid4

import pytest
from psycopg import errors
from tests.migrations.conftest import Scratch
from tests.migrations.people import (
    COLLAB,
    GUIDELINES,
    ORCHESTRATOR,
    READONLY,
    SERVICE_ROLES,
)
from tests.migrations.studies import (
    APPEND,
    FIND,
    LINK,
    SHA256,
    Gate,
    Study,
    make_study,
    new_dataset,
    new_manuscript,
    one,
    organizations_seen,
    refused,
    versions,
)
from tests.migrations.studies import shared as shared
from tests.migrations.studies import study as study

if TYPE_CHECKING:
    pass

TABLES = (
    "artifacts",
    "artifact_versions",
    "artifact_edges",
    "manuscripts",
    "manuscript_versions",
    "datasets",
    "phi_findings",
    "approval_gates",
    "approval_decisions",
)


@pytest.fixture
def both(shared: Scratch) -> tuple[Study, Study]:
    """Two organizations, each with a row in every table."""
    studies = (make_study(shared), make_study(shared))
    for each in studies:
        fill(each)
    return studies


def fill(study: Study) -> None:
    dataset = new_dataset(study)
    manuscript = new_manuscript(study)
    with study.acting() as session:
        first, second = versions(study, session, 2)
        session.execute(LINK, (second, "derived_from", first))
        session.execute(APPEND, (manuscript, "x"))
        session.execute(FIND, (dataset, "{}", SHA256))
        gate = one(
            session,
            "INSERT INTO research.approval_gates (dataset_id, title) VALUES (%s, 'x') RETURNING id",
            dataset,
        )
    Gate(study, gate).decide(study.organization.steward)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("artifact_versions", "storage_uri = 's3://elsewhere'"),
        ("artifact_edges", "kind = 'cites'"),
        ("manuscript_versions", "content = 'Forged'"),
        ("approval_decisions", "decision = 'approve'"),
    ],
)
def test_what_is_on_record_is_never_changed(study: Study, table: str, change: str) -> None:
    fill(study)
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


@pytest.mark.parametrize("role", [*SERVICE_ROLES, READONLY])
def test_each_role_sees_its_own_organization_and_without_one_nothing(
    both: tuple[Study, Study], role: str
) -> None:
    ours, _ = both
    with ours.acting(role) as inside, ours.place.acting_as(role) as outside:
        for table in TABLES:
            assert organizations_seen(inside, f"research.{table}") == {ours.organization.id}
            assert organizations_seen(outside, f"research.{table}") == set()


def test_nothing_hangs_on_another_organizations_things(both: tuple[Study, Study]) -> None:
    ours, theirs = both
    with theirs.acting() as session:
        their_version = one(session, "SELECT id FROM research.artifact_versions LIMIT 1")
        their_dataset = one(session, "SELECT id FROM research.datasets")
    with ours.acting() as session:
        our_version = one(session, "SELECT id FROM research.artifact_versions LIMIT 1")
        attempts: tuple[tuple[LiteralString, tuple[object, ...]], ...] = (
            (LINK, (our_version, "cites", their_version)),
            (LINK, (their_version, "cites", our_version)),
            (FIND, (their_dataset, "{}", SHA256)),
            (
                "INSERT INTO research.datasets (project_id, name) VALUES (%s, 'x')",
                (theirs.project,),
            ),
            (
                "INSERT INTO research.manuscripts (project_id, title) VALUES (%s, 'x')",
                (theirs.project,),
            ),
            (
                "INSERT INTO research.artifacts (project_id, name, kind) VALUES (%s, 'x', 'log')",
                (theirs.project,),
            ),
            (
                "INSERT INTO research.approval_gates (dataset_id, title) VALUES (%s, 'x')",
                (their_dataset,),
            ),
        )
        for statement, parameters in attempts:
            refused(session, errors.ForeignKeyViolation, statement, *parameters)


def test_functions_do_not_find_what_is_another_organizations(both: tuple[Study, Study]) -> None:
    ours, theirs = both
    with theirs.acting() as session:
        ids = {
            table: one(session, f"SELECT id FROM research.{table} LIMIT 1")
            for table in ("artifacts", "manuscripts", "datasets", "phi_findings", "approval_gates")
        }
    calls: tuple[tuple[LiteralString, UUID], ...] = (
        (
            "SELECT research.add_artifact_version(%s, sha256('x'), 1, 'a/b', 's3://b')",
            ids["artifacts"],
        ),
        ("SELECT research.append_manuscript_version(%s, 'x')", ids["manuscripts"]),
        ("SELECT research.classify_dataset(%s, 'PUBLIC', '')", ids["datasets"]),
        ("SELECT research.resolve_phi_finding(%s, 'removed', '')", ids["phi_findings"]),
        ("SELECT research.decide(%s, 'approve')", ids["approval_gates"]),
        ("SELECT research.append_manuscript_version(%s, 'x')", uuid4()),
    )
    with (
        ours.acting(user=ours.organization.steward) as inside,
        ours.place.acting_as(ORCHESTRATOR) as outside,
    ):
        for call, parameter in calls:
            assert "does not exist here" in refused(inside, errors.NoDataFound, call, parameter)
            refused(outside, errors.InsufficientPrivilege, call, parameter)


def test_collab_adds_versions_of_manuscripts_and_nothing_else(study: Study) -> None:
    manuscript = new_manuscript(study)
    with study.acting(COLLAB) as session:
        assert one(session, APPEND, manuscript, "x") == 1
        attempts: tuple[LiteralString, ...] = (
            "INSERT INTO research.manuscripts (project_id, title) VALUES (gen_random_uuid(), 'x')",
            "UPDATE research.manuscripts SET title = 'x'",
            "UPDATE research.manuscripts SET head_number = 7",
            "INSERT INTO research.datasets (project_id, name) VALUES (gen_random_uuid(), 'x')",
            "SELECT research.decide(gen_random_uuid(), 'approve')",
        )
        for statement in attempts:
            refused(session, errors.InsufficientPrivilege, statement)
    with study.acting(GUIDELINES) as session:
        refused(session, errors.InsufficientPrivilege, APPEND, manuscript, "x")
