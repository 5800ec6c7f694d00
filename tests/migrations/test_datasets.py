"""Datasets are PHI as long as a finding stands, and findings quote nobody."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, LiteralString
from uuid import UUID

import pytest
from psycopg import errors
from tests.migrations.people import (
    ORCHESTRATOR,
    WORKER,
    at_once,
)
from tests.migrations.studies import (
    FIND,
    SHA256,
    Study,
    new_dataset,
    one,
    refused,
)
from tests.migrations.studies import shared as shared
from tests.migrations.studies import study as study

if TYPE_CHECKING:
    from rfdata.postgres.client import Session


def classification(session: Session, dataset: UUID) -> str:
    found = one(session, "SELECT classification FROM research.datasets WHERE id = %s", dataset)
    assert isinstance(found, str)
    return found


def test_a_dataset_is_phi_as_long_as_a_finding_stands(study: Study) -> None:
    dataset = new_dataset(study)
    steward = study.organization.steward
    classify: LiteralString = "SELECT research.classify_dataset(%s, 'PUBLIC', 'Synthetic')"
    resolve: LiteralString = "SELECT research.resolve_phi_finding(%s, %s, 'Looked at')"
    with study.acting(WORKER) as worker, study.acting(ORCHESTRATOR, steward) as session:
        assert classification(session, dataset) == "CONFIDENTIAL"
        assert one(session, classify, dataset) == "CONFIDENTIAL"
        worker.execute(FIND, (dataset, '{"column": "note", "row": 7}', SHA256))
        assert classification(session, dataset) == "PHI"
        finding = one(session, "SELECT id FROM research.phi_findings")
        for resolution in ("confirmed", "open"):
            refused(session, errors.ObjectNotInPrerequisiteState, classify, dataset)
            session.execute(resolve, (finding, resolution))
        session.execute(resolve, (finding, "false_positive"))
        assert one(session, classify, dataset) == "PHI"
        session.execute(resolve, (finding, "open"))
        assert classification(session, dataset) == "PHI"


def test_a_finding_and_a_lower_class_at_once_end_as_phi(study: Study) -> None:
    with study.acting(WORKER) as worker, study.acting(user=study.organization.steward) as session:
        for _ in range(5):
            dataset = new_dataset(study)
            session.execute("SELECT research.classify_dataset(%s, 'PHI', '')", (dataset,))
            at_once(
                [
                    partial(worker.execute, FIND, (dataset, '{"row": 1}', SHA256)),
                    partial(
                        session.execute,
                        "SELECT research.classify_dataset(%s, 'PUBLIC', '')",
                        (dataset,),
                    ),
                ]
            )
            assert classification(session, dataset) == "PHI"


def test_classifying_takes_a_steward_and_goes_through_the_function(study: Study) -> None:
    dataset = new_dataset(study)
    for user in (study.organization.viewer, study.organization.researcher):
        with study.acting(user=user) as session:
            refused(
                session,
                errors.InsufficientPrivilege,
                "SELECT research.classify_dataset(%s, 'PUBLIC', '')",
                dataset,
            )
    with study.acting(user=study.organization.steward) as session:
        refused(
            session,
            errors.InsufficientPrivilege,
            "UPDATE research.datasets SET classification = 'PUBLIC'",
        )
        refused(
            session,
            errors.CheckViolation,
            "SELECT research.classify_dataset(%s, 'SECRET', '')",
            dataset,
        )
    with study.owning() as owner:
        owner.execute(FIND, (dataset, "{}", SHA256))
        refused(
            owner,
            errors.ObjectNotInPrerequisiteState,
            "UPDATE research.datasets SET classification = 'PUBLIC' WHERE id = %s",
            dataset,
        )


@pytest.mark.parametrize(
    ("location", "fingerprint"),
    [
        ('{"match": "Jane Doe"}', SHA256),
        ('{"row": 1, "context": "born in"}', SHA256),
        ('"Jane Doe"', SHA256),
        ('{"row": 1}', b"Jane Doe"),
    ],
)
def test_a_finding_has_no_room_for_what_was_found(
    study: Study, location: str, fingerprint: bytes
) -> None:
    dataset = new_dataset(study)
    with study.acting(WORKER) as session:
        refused(session, errors.CheckViolation, FIND, dataset, location, fingerprint)


def test_scanning_again_adds_no_finding(study: Study) -> None:
    dataset = new_dataset(study)
    with study.acting(WORKER) as session:
        again: LiteralString = (
            "INSERT INTO research.phi_findings"
            " (dataset_id, kind, location, confidence, detector, fingerprint)"
            " VALUES (%s, 'date', %s, 0.5, 'd', %s) ON CONFLICT DO NOTHING"
        )
        added = [
            session.execute(again, (dataset, location, SHA256)).rowcount
            for location in ('{"row":1,"column":"a"}', '{"column": "a", "row": 1}', '{"row": 2}')
        ]
    assert added == [1, 0, 1]
