"""Jobs whose worker died, failed or was called off: who gets them next, and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, LiteralString

import pytest
from psycopg import errors
from tests.migrations.conftest import Scratch
from tests.migrations.people import (
    WORKER,
)
from tests.migrations.studies import (
    SHA256,
    Study,
    claim,
    claimed,
    enqueue,
    make_study,
    one,
    read_job,
    refused,
)

if TYPE_CHECKING:
    pass

LONG_AGO: LiteralString = (
    "UPDATE research.jobs SET lease_expires_at = lease_expires_at - interval '1 year' WHERE id = %s"
)


@pytest.fixture
def study(migrated: Scratch) -> Study:
    """In a database of its own: workers claim whatever there is, whoever's it is."""
    return make_study(migrated)


def test_an_expired_lease_goes_to_another_and_the_first_is_told(study: Study) -> None:
    [there] = enqueue(study, 0)
    with study.crowd(2, WORKER) as (lost, next_one):
        first = claimed(lost)
        assert claim(next_one) is None
        study.place.run(LONG_AGO, there)
        second = claimed(next_one)
        assert (second["id"], second["attempts"]) == (there, 2)
        calls: Sequence[LiteralString] = (
            "SELECT research.heartbeat_job(%s, %s)",
            "SELECT research.finish_job(%s, %s)",
            "SELECT research.fail_job(%s, %s, 'x')",
        )
        for call in calls:
            message = refused(
                lost, errors.ObjectNotInPrerequisiteState, call, there, first["lease_token"]
            )
            assert "no longer held" in message
        next_one.execute("SELECT research.finish_job(%s, %s)", (there, second["lease_token"]))
    assert read_job(study, there, "state, lease_token") == ("succeeded", None)


def test_a_heartbeat_moves_the_lease_and_a_late_worker_that_nobody_replaced_may_finish(
    study: Study,
) -> None:
    [there] = enqueue(study, 0)
    with study.place.acting_as(WORKER) as worker:
        held = claimed(worker)
        moved = one(
            worker,
            "SELECT research.heartbeat_job(%s, %s, '1 hour')",
            there,
            held["lease_token"],
        )
        assert moved - held["lease_expires_at"] > timedelta(minutes=58)
        study.place.run(LONG_AGO, there)
        worker.execute(
            "SELECT research.finish_job(%s, %s, '{\"n\": 1}')", (there, held["lease_token"])
        )
    assert read_job(study, there, "state, result") == ("succeeded", {"n": 1})


def test_a_lease_that_expires_for_the_last_time_kills_the_job(study: Study) -> None:
    with study.acting() as session:
        there = one(session, "SELECT research.enqueue_job('analysis', attempts_at_most => 1)")
    with study.place.acting_as(WORKER) as worker:
        claimed(worker)
        study.place.run(LONG_AGO, there)
        assert one(worker, "SELECT research.release_expired_jobs()") == 1
        assert claim(worker) is None
    assert read_job(study, there, "state, last_error") == ("dead", "The lease of w ran out.")


@pytest.mark.parametrize("lease", ["0 seconds", "-1 minute", "2 days", None])
def test_a_lease_has_a_sensible_length(study: Study, lease: str | None) -> None:
    with study.place.acting_as(WORKER) as worker:
        refused(
            worker,
            errors.InvalidParameterValue,
            "SELECT * FROM research.claim_job('w', NULL, %s::interval)",
            lease,
        )


def test_a_job_is_retried_after_longer_and_longer_pauses_and_then_dead(study: Study) -> None:
    """Pauses are measured between columns that the server wrote, not by our clock."""
    [there] = enqueue(study, 0)
    fail: LiteralString = "SELECT research.fail_job(%s, %s, 'No memory')"
    states, pauses = [], []
    with study.place.acting_as(WORKER) as worker:
        for _ in range(5):
            held = claimed(worker)
            with worker.transaction():
                before = one(worker, "SELECT clock_timestamp()")
                states.append(one(worker, fail, there, held["lease_token"]))
                after = one(worker, "SELECT clock_timestamp()")
            [run_at] = read_job(study, there, "run_at")
            pauses.append((run_at - after, run_at - before))
            study.place.run("UPDATE research.jobs SET run_at = now() WHERE id = %s", there)
        assert claim(worker) is None
    assert states == ["queued"] * 4 + ["dead"]
    for (least, most), seconds in zip(pauses[:4], (10, 20, 40, 80), strict=True):
        assert least < timedelta(seconds=seconds * 1.1)
        assert most >= timedelta(seconds=seconds)
    assert read_job(study, there, "attempts, last_error") == (5, "No memory")


def test_pauses_double_up_to_an_hour(study: Study) -> None:
    rows = study.place.run(
        "SELECT research.job_backoff(n) FROM unnest(ARRAY[1, 2, 9, 10, 1000]) AS n"
    )
    assert [row[0].total_seconds() for row in rows] == [10, 20, 2560, 3600, 3600]


def test_a_failure_that_retrying_does_not_mend_is_dead_at_once(study: Study) -> None:
    [there] = enqueue(study, 0)
    with study.place.acting_as(WORKER) as worker:
        held = claimed(worker)
        state = one(
            worker,
            "SELECT research.fail_job(%s, %s, 'Bad input', false)",
            there,
            held["lease_token"],
        )
    assert state == "dead"
    with study.acting() as session:
        session.execute("SELECT research.requeue_job(%s)", (there,))
    assert read_job(study, there, "state, attempts, finished_at") == ("queued", 0, None)


def test_a_cancelled_job_is_not_claimed_and_its_worker_is_told(study: Study) -> None:
    waiting, running = enqueue(study, 0, 9)
    with study.acting() as session, study.place.acting_as(WORKER) as worker:
        held = claimed(worker)
        for each in (waiting, running):
            session.execute("SELECT research.cancel_job(%s)", (each,))
        assert claim(worker) is None
        refused(
            worker,
            errors.ObjectNotInPrerequisiteState,
            "SELECT research.heartbeat_job(%s, %s)",
            running,
            held["lease_token"],
        )
        refused(
            session,
            errors.ObjectNotInPrerequisiteState,
            "SELECT research.cancel_job(%s)",
            waiting,
        )


def test_done_jobs_are_purged_and_what_they_cost_stays(study: Study) -> None:
    old, recent = enqueue(study, 1, 0)
    with study.place.acting_as(WORKER) as worker:
        for _ in range(2):
            held = claimed(worker)
            worker.execute("SELECT research.finish_job(%s, %s)", (held["id"], held["lease_token"]))
        study.place.run(
            "UPDATE research.jobs SET finished_at = '2020-01-01' WHERE id = %s",
            old,
        )
        with study.acting() as session:
            session.execute(
                "INSERT INTO research.ai_invocations"
                " (job_id, provider, model, status, latency_ms, prompt_sha256)"
                " VALUES (%s, 'p', 'm', 'failed', 1, %s)",
                (old, SHA256),
            )
        assert one(worker, "SELECT research.purge_jobs('30 days')") == 1
        refused(worker, errors.InvalidParameterValue, "SELECT research.purge_jobs('0 hours')")
    assert study.place.run("SELECT id FROM research.jobs") == [(recent,)]
    assert study.place.run("SELECT job_id FROM research.ai_invocations") == [(None,)]
