"""Runs and stages: no state is skipped, whoever writes, and every move is on record."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import pytest
from psycopg import errors
from psycopg.sql import SQL, Identifier
from tests.migrations.conftest import Scratch
from tests.migrations.people import (
    ORCHESTRATOR,
    SERVICE_ROLES,
    WORKER,
    at_once,
)
from tests.migrations.studies import (
    Study,
    one,
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
    from rfdata.postgres.client import Session

RUN_STATES = (
    "created",
    "queued",
    "running",
    "paused",
    "awaiting_approval",
    "succeeded",
    "failed",
    "cancelled",
)
STAGE_STATES = (
    "pending",
    "running",
    "awaiting_approval",
    "succeeded",
    "failed",
    "skipped",
    "cancelled",
)
MOVED = (
    "SELECT from_state, to_state, reason, moved_by, moved_as"
    " FROM research.run_moves WHERE run_id = %s ORDER BY number"
)


def allowed(session: Session, table: str) -> set[tuple[str, str]]:
    statement = SQL("SELECT from_state, to_state FROM {}").format(Identifier("research", table))
    return {(before, after) for before, after in session.execute(statement)}


def way_to(state: str, beginning: str, transitions: set[tuple[str, str]]) -> tuple[str, ...]:
    """The states to go through, by the shortest way."""
    ways: Mapping[str, tuple[str, ...]] = {beginning: ()}
    waiting = deque([beginning])
    while waiting and state not in ways:
        here = waiting.popleft()
        for before, after in sorted(transitions):
            if before == here and after not in ways:
                ways = {**ways, after: (*ways[here], after)}
                waiting.append(after)
    return ways[state]


def test_way_to_takes_the_shortest() -> None:
    transitions = {("a", "b"), ("b", "c"), ("c", "d"), ("a", "c")}
    assert way_to("d", "a", transitions) == ("c", "d")
    assert way_to("a", "a", transitions) == ()


# Reference data


def test_the_pipeline_has_its_twenty_stages(shared: Scratch) -> None:
    rows = shared.run("SELECT number, key FROM research.stages ORDER BY number")
    assert [number for number, _ in rows] == list(range(1, 21))
    assert rows[0][1] == "topic_declaration"
    assert rows[-1][1] == "publication_and_archive"


@pytest.mark.parametrize(
    ("table", "check", "states"),
    [
        ("run_transitions", "runs_state_check", RUN_STATES),
        ("stage_transitions", "stage_runs_state_check", STAGE_STATES),
    ],
)
def test_transitions_name_every_state_that_there_is_and_no_other(
    shared: Scratch, table: str, check: str, states: tuple[str, ...]
) -> None:
    with shared.superuser() as session:
        named = {state for pair in allowed(session, table) for state in pair}
        definition = one(
            session,
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s",
            check,
        )
    assert named == set(states)
    assert all(f"'{state}'::text" in definition for state in states)
    assert definition.count("::text") == len(states)


@pytest.mark.parametrize("role", SERVICE_ROLES)
def test_no_service_changes_reference_data(study: Study, role: str) -> None:
    with study.acting(role) as session:
        for statement in (
            "INSERT INTO research.run_transitions VALUES ('succeeded', 'created')",
            "DELETE FROM research.stage_transitions",
            "UPDATE research.stages SET title = 'Mine'",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                session.execute(statement.encode())


# States


@pytest.mark.parametrize("state", RUN_STATES)
def test_a_run_goes_where_the_reference_data_says_and_nowhere_else(
    study: Study, state: str
) -> None:
    with study.acting() as service, study.owning() as owner:
        transitions = allowed(service, "run_transitions")
        for step in way_to(state, "created", transitions):
            service.execute("SELECT research.move_run(%s, %s)", (study.run, step))
        for target in RUN_STATES:
            for session, statement in (
                (service, "SELECT research.move_run(%(run)s, %(state)s)"),
                (owner, "UPDATE research.runs SET state = %(state)s WHERE id = %(run)s"),
            ):
                if target == state:
                    continue
                with session.transaction(force_rollback=True):
                    outcome = attempt(session, statement, run=study.run, state=target)
                assert outcome == ((state, target) in transitions), (statement, target)
        refused(
            service,
            errors.ObjectNotInPrerequisiteState,
            "SELECT research.move_run(%s, %s)",
            study.run,
            state,
        )


@pytest.mark.parametrize("state", STAGE_STATES)
def test_a_stage_goes_where_the_reference_data_says_and_nowhere_else(
    study: Study, state: str
) -> None:
    with study.acting() as service, study.owning() as owner:
        transitions = allowed(service, "stage_transitions")
        for step in ("queued", "running"):
            service.execute("SELECT research.move_run(%s, %s)", (study.run, step))
        stage = one(service, "SELECT research.begin_stage(%s, 7)", study.run)
        for step in way_to(state, "pending", transitions):
            service.execute("SELECT research.move_stage(%s, %s)", (stage, step))
        for target in STAGE_STATES:
            for session, statement in (
                (service, "SELECT research.move_stage(%(stage)s, %(state)s)"),
                (owner, "UPDATE research.stage_runs SET state = %(state)s WHERE id = %(stage)s"),
            ):
                if target == state:
                    continue
                with session.transaction(force_rollback=True):
                    outcome = attempt(session, statement, stage=stage, state=target)
                assert outcome == ((state, target) in transitions), (statement, target)


def attempt(session: Session, statement: str, **parameters: object) -> bool:
    """Whether it is allowed; a refusal must name where else one may go."""
    try:
        with session.transaction():
            session.execute(statement.encode(), parameters)
    except errors.ObjectNotInPrerequisiteState as error:
        if "it may go to" in (error.diag.message_hint or ""):
            return False
        raise
    return True


def test_a_run_or_a_stage_begins_at_the_beginning_also_for_the_owner(study: Study) -> None:
    with study.owning() as owner:
        refused(
            owner,
            errors.ObjectNotInPrerequisiteState,
            "INSERT INTO research.runs (project_id, workflow_version_id, state)"
            " VALUES (%s, %s, 'succeeded')",
            study.project,
            study.workflow_version,
        )
        refused(
            owner,
            errors.ObjectNotInPrerequisiteState,
            "INSERT INTO research.stage_runs (organization_id, run_id, stage, attempt, state)"
            " VALUES (%s, %s, 1, 1, 'succeeded')",
            study.organization.id,
            study.run,
        )


@pytest.mark.parametrize("role", SERVICE_ROLES)
@pytest.mark.parametrize("table", ["runs", "stage_runs"])
def test_no_service_writes_a_state_itself(study: Study, role: str, table: str) -> None:
    statement = SQL("UPDATE {} SET state = 'succeeded'").format(Identifier("research", table))
    with study.acting(role) as session, pytest.raises(errors.InsufficientPrivilege):
        session.execute(statement)


def test_every_move_is_on_record_with_who_and_why(study: Study) -> None:
    with study.acting(WORKER, study.organization.steward) as session:
        session.execute("SELECT research.move_run(%s, 'queued', 'Data are here')", (study.run,))
    with study.owning() as owner:
        owner.execute(
            "UPDATE research.runs SET state = 'running' WHERE id = %s",
            (study.run,),
        )
        moves = owner.execute(MOVED, (study.run,)).fetchall()
    researcher, steward = study.organization.researcher, study.organization.steward
    assert moves == [
        (None, "created", "", researcher, ORCHESTRATOR),
        ("created", "queued", "Data are here", steward, WORKER),
        ("queued", "running", "", researcher, "researchflow_owner"),
    ]


def test_a_refused_move_leaves_no_reason_behind(study: Study) -> None:
    with study.acting() as session, session.transaction():
        refused(
            session,
            errors.ObjectNotInPrerequisiteState,
            "SELECT research.move_run(%s, 'succeeded', 'Forged')",
            study.run,
        )
        assert one(session, "SELECT coalesce(current_setting('app.reason', true), '')") == ""
        session.execute("SELECT research.move_run(%s, 'queued')", (study.run,))
        assert [move[2] for move in session.execute(MOVED, (study.run,))] == ["", ""]


def test_of_two_who_move_at_once_one_is_told_so(study: Study) -> None:
    """Both saw "created"; the second waits for the first and finds it moved."""

    move = "SELECT research.move_run(%s, 'queued')"
    with study.crowd(8) as sessions:
        outcomes = at_once([partial(one, session, move, study.run) for session in sessions])
    assert outcomes.count("created") == 1
    others = [outcome for outcome in outcomes if outcome != "created"]
    assert all(isinstance(other, errors.ObjectNotInPrerequisiteState) for other in others)
    with study.acting() as session:
        assert len(session.execute(MOVED, (study.run,)).fetchall()) == 2


def test_times_follow_the_states(study: Study) -> None:
    times = "SELECT started_at IS NULL, finished_at IS NULL FROM research.runs WHERE id = %s"
    seen = []
    with study.acting() as session:
        for state in ("queued", "running", "failed", "queued"):
            session.execute("SELECT research.move_run(%s, %s)", (study.run, state))
            seen.append(session.execute(times, (study.run,)).fetchone())
    assert seen == [(True, True), (False, True), (False, False), (False, True)]


# Stages and checkpoints


def test_a_stage_is_attempted_again_only_after_it_failed(study: Study) -> None:
    with study.acting() as session:
        first = start(session, study.run, 3)
        refused(session, errors.UniqueViolation, "SELECT research.begin_stage(%s, 3)", study.run)
        session.execute("SELECT research.move_stage(%s, 'failed', 'No disk')", (first,))
        second = one(session, "SELECT research.begin_stage(%s, 3, 'Once more')", study.run)
        assert one(session, "SELECT attempt FROM research.stage_runs WHERE id = %s", second) == 2
        for state in ("running", "succeeded"):
            session.execute("SELECT research.move_stage(%s, %s)", (second, state))
        refused(session, errors.UniqueViolation, "SELECT research.begin_stage(%s, 3)", study.run)
        refused(
            session, errors.ForeignKeyViolation, "SELECT research.begin_stage(%s, 21)", study.run
        )


def test_a_stage_needs_a_run_that_runs(study: Study) -> None:
    with study.acting() as session:
        refused(
            session,
            errors.ObjectNotInPrerequisiteState,
            "SELECT research.begin_stage(%s, 1)",
            study.run,
        )
        for state in ("queued", "running"):
            session.execute("SELECT research.move_run(%s, %s)", (study.run, state))
        stage = one(session, "SELECT research.begin_stage(%s, 1)", study.run)
        session.execute("SELECT research.move_run(%s, 'paused')", (study.run,))
        message = refused(
            session,
            errors.ObjectNotInPrerequisiteState,
            "SELECT research.move_stage(%s, 'running')",
            stage,
        )
        assert "while its run is paused" in message


def test_a_run_does_not_succeed_past_its_stages_and_takes_them_down_with_it(study: Study) -> None:
    with study.acting() as session:
        stage = start(session, study.run)
        refused(
            session,
            errors.ObjectNotInPrerequisiteState,
            "SELECT research.move_run(%s, 'succeeded')",
            study.run,
        )
        session.execute("SELECT research.move_run(%s, 'cancelled', 'Wrong data')", (study.run,))
        last = session.execute(
            "SELECT to_state, reason FROM research.stage_moves WHERE stage_run_id = %s"
            " ORDER BY number DESC LIMIT 1",
            (stage,),
        ).fetchone()
    assert last == ("cancelled", "Wrong data")


def test_checkpoints_count_and_carry_their_hash(study: Study) -> None:
    with study.acting(WORKER) as session:
        stage = start(session, study.run)
        for number in (1, 2):
            saved = one(
                session, """SELECT research.save_checkpoint(%s, '{"b":1, "a":[ 2 ]}')""", stage
            )
            assert saved == number
        hashes = {row[0] for row in session.execute("SELECT sha256 FROM research.checkpoints")}
        assert hashes == {hashlib.sha256(b'{"a": [2], "b": 1}').digest()}
        session.execute("SELECT research.move_stage(%s, 'failed')", (stage,))
        refused(
            session,
            errors.ObjectNotInPrerequisiteState,
            "SELECT research.save_checkpoint(%s, '{}')",
            stage,
        )
