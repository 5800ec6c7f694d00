"""Approval gates: who decides, how many it takes, and that nobody bends one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, LiteralString
from uuid import UUID

import pytest
from psycopg import errors
from psycopg.sql import SQL, Identifier
from tests.migrations.people import (
    COLLAB,
    at_once,
    join,
    make_user,
)
from tests.migrations.studies import (
    Gate,
    Study,
    new_dataset,
    new_manuscript,
    one,
    refused,
    start,
    versions,
)
from tests.migrations.studies import shared as shared
from tests.migrations.studies import study as study

if TYPE_CHECKING:
    pass

OpenGate = Callable[..., Gate]


@pytest.fixture
def open_gate(study: Study) -> OpenGate:
    """A gate for a version that the researcher wrote, asked for by the admin or another."""

    def make(approvals: int = 1, role: str = "STEWARD", by: UUID | None = None) -> Gate:
        manuscript = new_manuscript(study)
        with study.acting(COLLAB) as session:
            version = one(
                session,
                "SELECT version_id FROM research.append_manuscript_version(%s, 'x')",
                manuscript,
            )
        with study.acting(user=by or study.organization.admin) as session:
            made = one(
                session,
                "INSERT INTO research.approval_gates"
                " (manuscript_version_id, title, required_approvals, required_role)"
                " VALUES (%s, 'Ready?', %s, %s) RETURNING id",
                version,
                approvals,
                role,
            )
        return Gate(study, made)

    return make


def another(study: Study, role: str) -> UUID:
    return join(study.place, study.organization.id, make_user(study.place), role)


def test_a_gate_opens_after_the_last_approval_that_it_needs(
    study: Study, open_gate: OpenGate
) -> None:
    gate = open_gate(approvals=3)
    people = [study.organization.steward, another(study, "STEWARD"), another(study, "ADMIN")]
    assert [gate.decide(user) for user in people] == ["open", "open", "approved"]
    gate.refuses(errors.ObjectNotInPrerequisiteState, another(study, "STEWARD"))


def test_one_rejection_is_enough_and_says_why(study: Study, open_gate: OpenGate) -> None:
    gate = open_gate(approvals=2)
    gate.decide(another(study, "STEWARD"))
    gate.refuses(errors.CheckViolation, study.organization.steward, "reject")
    assert gate.decide(study.organization.steward, "reject", "No ethics vote") == "rejected"


def test_one_person_has_one_voice(study: Study, open_gate: OpenGate) -> None:
    gate = open_gate(approvals=2)
    gate.decide(study.organization.steward)
    gate.refuses(errors.UniqueViolation, study.organization.steward)
    gate.refuses(errors.UniqueViolation, study.organization.steward, "reject", "No")


def test_authors_and_askers_do_not_decide(study: Study, open_gate: OpenGate) -> None:
    """Whoever asked, and whoever wrote it, even as an admin by now."""
    gate = open_gate(by=study.organization.steward)
    assert "themselves" in gate.refuses(errors.InsufficientPrivilege, study.organization.steward)
    study.place.run(
        "UPDATE identity.memberships SET role = 'ADMIN' WHERE user_id = %s",
        study.organization.researcher,
    )
    assert "themselves" in gate.refuses(errors.InsufficientPrivilege, study.organization.researcher)
    assert gate.decide(study.organization.admin) == "approved"


def test_each_kind_of_subject_has_its_author(study: Study) -> None:
    dataset = new_dataset(study)
    with study.acting() as session:
        [version] = versions(study, session, 1)
        stage = start(session, study.run)
    study.place.run(
        "UPDATE identity.memberships SET role = 'STEWARD' WHERE user_id = %s",
        study.organization.researcher,
    )
    for column, subject in (
        ("artifact_version_id", version),
        ("dataset_id", dataset),
        ("stage_run_id", stage),
    ):
        with study.acting(user=study.organization.admin) as session:
            row = session.execute(
                SQL("INSERT INTO {} ({}, title) VALUES (%s, 'x') RETURNING id").format(
                    Identifier("research", "approval_gates"), Identifier(column)
                ),
                (subject,),
            ).fetchone()
        assert row is not None
        gate = Gate(study, row[0])
        gate.refuses(errors.InsufficientPrivilege, study.organization.researcher)
        assert gate.decide(study.organization.steward) == "approved"


@pytest.mark.parametrize(
    ("required", "role", "counts"),
    [
        ("VIEWER", "VIEWER", False),
        ("RESEARCHER", "RESEARCHER", False),
        ("RESEARCHER", "STEWARD", True),
        ("STEWARD", "RESEARCHER", False),
        ("STEWARD", "STEWARD", True),
        ("STEWARD", "ADMIN", True),
        ("ADMIN", "STEWARD", False),
        ("ADMIN", "ADMIN", True),
    ],
)
def test_the_role_and_the_permission_decide_who_may(
    study: Study, open_gate: OpenGate, required: str, role: str, counts: bool
) -> None:
    gate = open_gate(role=required)
    person = another(study, role)
    if counts:
        assert gate.decide(person) == "approved"
    else:
        gate.refuses(errors.InsufficientPrivilege, person)


def test_a_lent_role_counts_until_it_ends(study: Study, open_gate: OpenGate) -> None:
    person = another(study, "RESEARCHER")
    lend = (
        "INSERT INTO identity.role_grants"
        " (organization_id, user_id, role, granted_by, reason, granted_at, expires_at)"
        " VALUES (%s, %s, 'STEWARD', %s, 'Holiday', now() - interval '3 days',"
        "   now() + %s::interval)"
    )
    granted = (study.organization.id, person, study.organization.admin)
    study.place.run(lend, *granted, "-1 day")
    open_gate().refuses(errors.InsufficientPrivilege, person)
    study.place.run(lend, *granted, "1 day")
    assert open_gate().decide(person) == "approved"


@pytest.mark.parametrize("status", ["suspended", "left"])
def test_who_is_out_does_not_decide(study: Study, open_gate: OpenGate, status: str) -> None:
    person = another(study, "STEWARD")
    study.place.run(
        "UPDATE identity.memberships SET status = %s WHERE user_id = %s", status, person
    )
    open_gate().refuses(errors.InsufficientPrivilege, person)


def test_concurrent_approvals_are_all_counted(study: Study, open_gate: OpenGate) -> None:
    gate = open_gate(approvals=6)
    people = [another(study, "STEWARD") for _ in range(6)]
    sessions = [study.acting(user=person) for person in people]
    opened = [session.__enter__() for session in sessions]
    try:
        decide: LiteralString = "SELECT research.decide(%s, 'approve')"
        outcomes = at_once([partial(one, each, decide, gate.id) for each in opened])
    finally:
        for session in sessions:
            session.__exit__(None, None, None)
    assert sorted(outcomes, key=str) == ["approved", *["open"] * 5]


def test_a_gate_is_cancelled_by_whoever_asked_while_it_is_open(
    study: Study, open_gate: OpenGate
) -> None:
    gate = open_gate()
    cancel: LiteralString = "SELECT research.cancel_gate(%s)"
    with study.acting(user=study.organization.steward) as session:
        refused(session, errors.InsufficientPrivilege, cancel, gate.id)
    with study.acting(user=study.organization.admin) as session:
        session.execute(cancel, (gate.id,))
        refused(session, errors.InsufficientPrivilege, cancel, gate.id)
    gate.refuses(errors.ObjectNotInPrerequisiteState, study.organization.steward)


def test_the_owner_can_not_bend_a_gate_either(study: Study, open_gate: OpenGate) -> None:
    gate = open_gate(approvals=2)
    gate.decide(study.organization.steward)
    with study.owning() as owner:
        for change in (
            "state = 'approved', closed_at = now()",
            "state = 'rejected', closed_at = now()",
            "required_approvals = 1",
            "requested_by = gen_random_uuid()",
        ):
            with pytest.raises((errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState)):
                owner.execute(f"UPDATE research.approval_gates SET {change}".encode())


def test_no_service_writes_a_decision_itself(study: Study, open_gate: OpenGate) -> None:
    gate = open_gate()
    with study.acting(user=study.organization.steward) as session:
        refused(
            session,
            errors.InsufficientPrivilege,
            "INSERT INTO research.approval_decisions"
            " (organization_id, gate_id, decided_by, decision, decided_role)"
            " VALUES (%s, %s, %s, 'approve', 'ADMIN')",
            study.organization.id,
            gate.id,
            study.organization.admin,
        )
