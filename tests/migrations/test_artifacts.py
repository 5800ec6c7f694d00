"""Versions of artifacts, and the graph of what came from what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors
from tests.migrations.people import (
    WORKER,
    at_once,
)
from tests.migrations.studies import (
    LINK,
    SHA256,
    Study,
    one,
    refused,
    versions,
)
from tests.migrations.studies import shared as shared
from tests.migrations.studies import study as study

if TYPE_CHECKING:
    pass


def test_the_same_content_twice_is_one_version(study: Study) -> None:
    add = (
        "SELECT version_number FROM research.add_artifact_version(%s, %s, 1, 'text/csv', 's3://b')"
    )
    with study.acting(WORKER) as session:
        artifact = one(
            session,
            "INSERT INTO research.artifacts (project_id, name, kind) VALUES (%s, 'a', 'data')"
            " RETURNING id",
            study.project,
        )
        contents = (SHA256, SHA256, SHA256[::-1], SHA256)
        assert [one(session, add, artifact, content) for content in contents] == [1, 1, 2, 3]


@pytest.mark.parametrize(
    "version",
    [
        (b"short", 1, "text/csv", "s3://b/k"),
        (SHA256, -1, "text/csv", "s3://b/k"),
        (SHA256, 1, "CSV", "s3://b/k"),
        (SHA256, 1, "text/csv", "/etc/passwd"),
        (SHA256, 1, "text/csv", "https://user:password@storage/k"),
    ],
)
def test_a_version_that_makes_no_sense_is_refused(
    study: Study, version: tuple[bytes, int, str, str]
) -> None:
    with study.acting() as session:
        artifact = one(
            session,
            "INSERT INTO research.artifacts (project_id, name, kind) VALUES (%s, 'a', 'data')"
            " RETURNING id",
            study.project,
        )
        refused(
            session,
            errors.CheckViolation,
            "SELECT research.add_artifact_version(%s, %s, %s, %s, %s)",
            artifact,
            *version,
        )


@pytest.mark.parametrize("kind", ["derived_from", "supersedes"])
@pytest.mark.parametrize("length", [2, 3, 40])
def test_nothing_comes_from_itself_however_far_back(study: Study, kind: str, length: int) -> None:
    with study.acting() as session:
        nodes = versions(study, session, length)
        for later, earlier in zip(nodes[1:], nodes, strict=False):
            session.execute(LINK, (later, kind, earlier))
        message = refused(
            session, errors.IntegrityConstraintViolation, LINK, nodes[0], kind, nodes[-1]
        )
        assert "closes a cycle" in message
        refused(session, errors.CheckViolation, LINK, nodes[0], kind, nodes[0])


def test_edges_that_are_no_descent_may_go_in_circles(study: Study) -> None:
    with study.acting() as session:
        first, second, third = versions(study, session, 3)
        session.execute(LINK, (first, "cites", second))
        session.execute(LINK, (second, "cites", first))
        session.execute(LINK, (second, "derived_from", first))
        session.execute(LINK, (first, "supersedes", second))
        session.execute(LINK, (third, "derived_from", first))
        session.execute(LINK, (third, "derived_from", second))
        count = one(session, "SELECT count(*) FROM research.artifact_edges")
    assert count == 6


def test_two_edges_that_close_a_cycle_together_do_not_pass_each_other(study: Study) -> None:
    with study.acting() as first, study.acting() as second:
        for _ in range(5):
            here, there = versions(study, first, 2)
            outcomes = at_once(
                [
                    lambda here=here, there=there: (
                        first.execute(  # type: ignore[misc]
                            LINK, (here, "derived_from", there)
                        ).rowcount
                    ),
                    lambda here=here, there=there: (
                        second.execute(  # type: ignore[misc]
                            LINK, (there, "derived_from", here)
                        ).rowcount
                    ),
                ]
            )
            assert outcomes.count(1) == 1
            assert any(isinstance(each, errors.IntegrityConstraintViolation) for each in outcomes)


def test_a_snapshot_that_could_hide_edges_is_refused(study: Study) -> None:
    with study.acting() as session:
        later, earlier = versions(study, session, 2)
        session.execute("SET default_transaction_isolation = 'repeatable read'")
        refused(session, errors.FeatureNotSupported, LINK, later, "derived_from", earlier)
        session.execute("SET default_transaction_isolation = 'serializable'")
        session.execute(LINK, (later, "derived_from", earlier))


def test_the_walk_back_is_bounded(study: Study) -> None:
    """A chain made past the trigger, as a restore makes it; then one edge more."""
    with study.acting() as session:
        nodes = versions(study, session, 2)
    with study.place.superuser() as superuser, superuser.transaction():
        superuser.execute("SET LOCAL session_replication_role = replica")
        superuser.execute(
            "WITH made AS ("
            "  INSERT INTO research.artifact_versions"
            "    (organization_id, artifact_id, number, sha256, byte_size, media_type, storage_uri)"
            "  SELECT v.organization_id, v.artifact_id, n, v.sha256, 1, 'text/csv', 's3://b'"
            "  FROM research.artifact_versions AS v, generate_series(100, 10200) AS n"
            "  WHERE v.id = %(root)s RETURNING id, number, organization_id"
            "), chained AS (SELECT m.*, lag(m.id, 1, %(root)s) OVER (ORDER BY number) AS before FROM made AS m)"
            " INSERT INTO research.artifact_edges (organization_id, from_version_id, kind, to_version_id)"
            " SELECT organization_id, id, 'derived_from', before FROM chained",
            {"root": nodes[0]},
        )
    with study.acting() as session:
        newest = one(
            session, "SELECT id FROM research.artifact_versions ORDER BY number DESC LIMIT 1"
        )
        refused(session, errors.ProgramLimitExceeded, LINK, nodes[1], "derived_from", newest)
