"""The queue: one job a key, one worker a job, by priority, through functions only."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors
from tests.migrations.conftest import Scratch
from tests.migrations.people import (
    ORCHESTRATOR,
    READONLY,
    SERVICE_ROLES,
    WORKER,
    at_once,
    plans,
)
from tests.migrations.studies import (
    INVOKE,
    SHA256,
    Study,
    claim,
    claimed,
    enqueue,
    make_study,
    one,
    organizations_seen,
    refused,
)

if TYPE_CHECKING:
    from rfdata.postgres.client import Session


@pytest.fixture
def study(migrated: Scratch) -> Study:
    """In a database of its own: workers claim whatever there is, whoever's it is."""
    return make_study(migrated)


# Asking


def test_one_key_makes_one_job_in_each_organization(study: Study) -> None:
    ask: LiteralString = "SELECT research.enqueue_job('analysis', %s, 'run-1')"
    with study.acting() as ours, make_study(study.place).acting() as theirs:
        first = one(ours, ask, '{"a": 1}')
        assert one(ours, ask, '{"a": 1}') == first
        assert one(theirs, ask, '{"a": 1}') != first
        refused(ours, errors.UniqueViolation, ask, '{"a": 2}')


def test_one_key_at_once_makes_one_job(study: Study) -> None:
    with study.crowd(8) as sessions:
        ask: LiteralString = "SELECT research.enqueue_job('analysis', '{}', 'once')"
        jobs = at_once([partial(one, session, ask) for session in sessions])
    assert len(set(jobs)) == 1
    assert isinstance(jobs[0], UUID)


def test_who_listens_is_woken_and_not_told_whose_it_is(study: Study) -> None:
    with study.place.acting_as(WORKER) as worker:
        worker.execute("LISTEN research_jobs")
        enqueue(study, 0, kind="phi_scan")
        [heard] = worker.notifies(timeout=30, stop_after=1)
    assert heard.payload == "phi_scan"


@pytest.mark.parametrize(
    ("kind", "payload", "priority"),
    [("Bad Kind", "{}", 0), ("x", "[]", 0), ("x", "{}", 101), ("x", "{}", -101)],
)
def test_what_makes_no_sense_is_refused(
    study: Study, kind: str, payload: str, priority: int
) -> None:
    with study.acting() as session:
        refused(
            session,
            errors.CheckViolation,
            "SELECT research.enqueue_job(%s, %s, NULL, %s)",
            kind,
            payload,
            priority,
        )


# Claiming


def test_jobs_are_claimed_by_priority_then_time_then_id(study: Study) -> None:
    low, high, normal, high_later = enqueue(study, -5, 9, 0, 9)
    with study.acting() as session:
        early = one(
            session,
            "SELECT research.enqueue_job('analysis', job_priority => 9,"
            " not_before => now() - interval '1 hour')",
        )
        same = [
            one(
                session,
                "SELECT research.enqueue_job('analysis', job_priority => -9, not_before => '2020-01-01')",
            )
            for _ in range(5)
        ]
    expected = [early, high, high_later, normal, low, *sorted(same)]
    with study.place.acting_as(WORKER) as worker:
        assert [claimed(worker)["id"] for _ in expected] == expected
        assert claim(worker) is None


def test_a_job_is_not_claimed_before_its_time_nor_by_who_does_not_know_it(study: Study) -> None:
    with study.acting() as session:
        session.execute(
            "SELECT research.enqueue_job('later', not_before => now() + interval '1 day')"
        )
        other = one(session, "SELECT research.enqueue_job('other', job_priority => -1)")
        session.execute("SELECT research.enqueue_job('analysis', job_priority => 50)")
    with study.place.acting_as(WORKER) as worker:
        assert claimed(worker, "later", "other")["id"] == other
        assert claim(worker, "later", "other") is None


def drain(session: Session) -> list[tuple[int, UUID]]:
    """Everything that one worker gets, in its order."""
    got = []
    while (job := claim(session)) is not None:
        got.append((job["priority"], job["id"]))
        session.execute("SELECT research.finish_job(%s, %s)", (job["id"], job["lease_token"]))
    return got


def test_sixteen_workers_at_once_never_get_the_same_job(study: Study) -> None:
    """Each meets falling priorities; together they meet every job, once."""
    jobs = enqueue(study, *(number % 5 for number in range(200)))
    with study.crowd(16, WORKER) as workers:
        outcomes = at_once([partial(drain, worker) for worker in workers])
    shares = [outcome for outcome in outcomes if not isinstance(outcome, psycopg.Error)]
    assert len(shares) == 16
    assert Counter(job for share in shares for _, job in share) == Counter(jobs)
    for share in shares:
        priorities = [priority for priority, _ in share]
        assert priorities == sorted(priorities, reverse=True)


def test_a_claim_passes_over_what_others_hold_in_open_transactions(study: Study) -> None:
    first, second, third = enqueue(study, 3, 2, 1)
    with study.crowd(3, WORKER) as (one_worker, another, late), one_worker.transaction():
        assert claimed(one_worker)["id"] == first
        with another.transaction():
            assert claimed(another)["id"] == second
            assert claimed(late)["id"] == third


# Plans


@pytest.mark.parametrize("jobs", [0, 1, 5000])
def test_a_claim_reads_its_index_whatever_the_statistics_say(study: Study, jobs: int) -> None:
    """A queue is empty when it is analysed and full an hour later, or the other way round."""
    study.place.run("ANALYZE research.jobs")
    study.place.run(
        "INSERT INTO research.jobs (organization_id, kind, priority)"
        " SELECT %s, 'analysis', n %% 100 FROM generate_series(1, %s) AS n",
        study.organization.id,
        jobs,
    )
    with study.place.superuser() as session:
        plan = plans(session, "SELECT * FROM research.claim_job('w', ARRAY['analysis'])")
    assert "Index Scan using jobs_queue_idx" in plan
    assert "using jobs_running_idx" in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan


def test_a_heartbeat_changes_no_index(study: Study) -> None:
    enqueue(study, 0)
    with study.place.acting_as(WORKER) as worker:
        job = claimed(worker)
        for _ in range(3):
            worker.execute("SELECT research.heartbeat_job(%s, %s)", (job["id"], job["lease_token"]))
        worker.execute("SELECT pg_stat_force_next_flush()")
    [(hot,)] = study.place.run(
        "SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'research.jobs'::regclass"
    )
    assert hot == 3


# Rights


def test_workers_reach_every_organizations_jobs_through_functions_only(study: Study) -> None:
    other = make_study(study.place)
    jobs = {*enqueue(study, 0), *enqueue(other, 0)}
    with study.place.acting_as(WORKER) as worker:
        assert organizations_seen(worker, "research.jobs") == set()
        assert {claimed(worker)["id"] for _ in range(2)} == jobs


@pytest.mark.parametrize("role", [*SERVICE_ROLES, READONLY])
def test_each_role_sees_its_own_organizations_jobs_and_no_tokens(study: Study, role: str) -> None:
    other = make_study(study.place)
    for each in (study, other):
        enqueue(each, 0)
        with each.acting() as session:
            session.execute(INVOKE, ("succeeded", "1", "USD", SHA256, SHA256, "2026-01-01"))
    with study.acting(role) as inside, study.place.acting_as(role) as outside:
        for table in ("jobs", "ai_invocations", "ai_costs"):
            assert organizations_seen(inside, f"research.{table}") == {study.organization.id}
            assert organizations_seen(outside, f"research.{table}") == set()
        refused(inside, errors.InsufficientPrivilege, "SELECT lease_token FROM research.jobs")
        for statement in (
            b"UPDATE research.jobs SET state = 'queued'",
            b"DELETE FROM research.jobs",
            b"INSERT INTO research.jobs (organization_id, kind) VALUES (gen_random_uuid(), 'x')",
        ):
            with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
                inside.execute(statement)


@pytest.mark.parametrize("role", sorted({*SERVICE_ROLES, READONLY} - {WORKER}))
def test_nobody_but_workers_claims(study: Study, role: str) -> None:
    with study.acting(role) as session:
        refused(session, errors.InsufficientPrivilege, "SELECT * FROM research.claim_job('x')")


def test_another_organizations_job_is_neither_cancelled_nor_referred_to(study: Study) -> None:
    [theirs] = enqueue(make_study(study.place), 0)
    with study.acting() as session:
        for call in (b"SELECT research.cancel_job(%s)", b"SELECT research.requeue_job(%s)"):
            with pytest.raises(errors.ObjectNotInPrerequisiteState):
                session.execute(call, (theirs,))
        for column in ("for_run", "for_stage_run"):
            with pytest.raises(errors.ForeignKeyViolation):
                session.execute(
                    f"SELECT research.enqueue_job('x', {column} => %s)".encode(), (uuid4(),)
                )
    with study.place.acting_as(ORCHESTRATOR) as outside:
        refused(outside, errors.InsufficientPrivilege, "SELECT research.enqueue_job('analysis')")
