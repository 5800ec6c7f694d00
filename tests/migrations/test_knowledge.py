"""Search by word, by meaning and by both; each organization finds its own and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors
from tests.migrations.libraries import DIMENSIONS, add_chunk, add_paper, found, search, towards
from tests.migrations.people import (
    COLLAB,
    GUIDELINES,
    ORCHESTRATOR,
    READONLY,
    WORKER,
)
from tests.migrations.studies import Study, make_study, organizations_seen, refused
from tests.migrations.studies import shared as shared
from tests.migrations.studies import study as study

if TYPE_CHECKING:
    pass

READERS = (ORCHESTRATOR, WORKER, GUIDELINES, READONLY)

# By word, by meaning, by both


def test_both_together_come_before_one_alone(study: Study) -> None:
    with study.acting(WORKER) as session:
        by_meaning = add_chunk(session, "Lowering lipids", towards(1))
        by_both = add_chunk(session, "Statins lower cholesterol", towards(5))
        by_word = add_chunk(session, "Statins and cholesterol, not yet embedded")
        add_chunk(session, "Gardening", towards(90))
        rows = search(session, "cholesterol statin", towards(0), 3)
    assert [row["chunk_id"] for row in rows] == [by_both, by_meaning, by_word] or [
        row["chunk_id"] for row in rows
    ] == [by_both, by_word, by_meaning]
    best = rows[0]
    assert (best["title"], best["chunk_position"]) == ("On statins", 0)
    assert best["content"] == "Statins lower cholesterol"
    assert {row["chunk_id"]: (row["text_rank"] is None, row["vector_rank"]) for row in rows} == {
        by_both: (False, 2),
        by_meaning: (True, 1),
        by_word: (False, None),
    }


def test_either_alone_is_enough(study: Study) -> None:
    with study.acting(WORKER) as session:
        word = add_chunk(session, "Randomised trials of statins")
        meaning = add_chunk(session, "Something else", towards(10))
        for nothing in (None, ""):
            assert found(session, nothing, towards(0)) == [meaning]
        assert found(session, "statin trial", None) == [word]
        assert found(session, None, None) == []
        assert found(session, "astrology", None) == []


@pytest.mark.parametrize(
    "query",
    ["'", '"', "((", "a & | !", "the of and", "statin:*", "\\", "-", '"unclosed', "% _ ; --", "🧬"],
)
def test_what_people_type_never_fails(study: Study, query: str) -> None:
    with study.acting(WORKER) as session:
        chunk = add_chunk(session, "About statins", towards(0))
        assert found(session, query, towards(0)) == [chunk]


def test_phrases_and_exclusions_are_understood(study: Study) -> None:
    with study.acting(WORKER) as session:
        phrase = add_chunk(session, "A primary endpoint was met")
        apart = add_chunk(session, "The endpoint was primary")
        assert found(session, '"primary endpoint"', None) == [phrase]
        assert set(found(session, "primary endpoint", None)) == {phrase, apart}
        assert found(session, "endpoint -met", None) == [apart]


def test_the_order_is_the_same_every_time_and_ties_go_by_id(study: Study) -> None:
    with study.acting(WORKER) as session:
        same = sorted(add_chunk(session, "Twins", towards(30)) for _ in range(12))
        for _ in range(3):
            assert found(session, "twins", towards(0), 12) == same
            assert found(session, "twins", None, 5) == same[:5]
            assert found(session, None, towards(0), 12) == same


def test_scores_are_reciprocal_ranks(study: Study) -> None:
    with study.acting(WORKER) as session:
        for number in range(3):
            add_chunk(session, "Statins " * (3 - number), towards(number * 10))
        rows = search(session, "statins", towards(0))
    assert sorted(row["vector_rank"] for row in rows) == [1, 2, 3]
    assert sorted(row["text_rank"] for row in rows) == [1, 2, 3]
    for row in rows:
        expected = 1 / (60 + row["text_rank"]) + 1 / (60 + row["vector_rank"])
        assert row["score"] == pytest.approx(expected)


def test_distances_are_cosine_distances(study: Study) -> None:
    with study.acting(WORKER) as session:
        for degrees in (0, 60, 90, 180):
            add_chunk(session, "x", towards(degrees))
        rows = search(session, None, towards(0))
    assert [row["distance"] for row in rows] == pytest.approx([0, 0.5, 1, 2], abs=1e-6)


def test_embeddings_of_different_models_are_told_apart(study: Study) -> None:
    with study.acting(WORKER) as session:
        old = add_chunk(session, "x", towards(0), "old")
        new = add_chunk(session, "x", towards(40), "new")
        assert found(session, None, towards(0)) == [old, new]
        assert found(session, None, towards(0), 10, "new") == [new]
        assert found(session, None, towards(0), 10, "none") == []


# What is stored


@pytest.mark.parametrize(
    ("embedding", "model", "error"),
    [
        ("[1,2,3]", "m1", errors.DataException),
        (f"[{','.join(['0'] * DIMENSIONS)}]", "m1", errors.CheckViolation),
        (towards(0), None, errors.CheckViolation),
        (None, "m1", errors.CheckViolation),
    ],
)
def test_an_embedding_has_a_direction_and_a_model(
    study: Study, embedding: str | None, model: str | None, error: type[errors.Error]
) -> None:
    with study.acting(WORKER) as session:
        refused(
            session,
            error,
            "INSERT INTO knowledge.chunks (paper_id, position, content, embedding, model)"
            " VALUES (%s, 0, 'x', %s, %s)",
            add_paper(session),
            embedding,
            model,
        )


def test_a_doi_is_unique_in_its_organization_whatever_its_case(study: Study) -> None:
    doi = "10.1056/nejmoa2001017"
    with study.acting(WORKER) as session, make_study(study.place).acting(WORKER) as other:
        add_paper(session, doi)
        add_paper(other, doi)
        add_paper(session, None)
        add_paper(session, None)
        for again, error in (
            (doi, errors.UniqueViolation),
            (doi.upper(), errors.CheckViolation),
            (f"https://doi.org/{doi}", errors.CheckViolation),
        ):
            with pytest.raises(error):
                add_paper(session, again)


def test_a_new_text_is_a_new_chunk_and_a_paper_takes_its_chunks_with_it(study: Study) -> None:
    with study.acting(WORKER) as session:
        chunk = add_chunk(session, "Old text", towards(0))
        refused(
            session, errors.InsufficientPrivilege, "UPDATE knowledge.chunks SET content = 'New'"
        )
        moved = session.execute(
            "UPDATE knowledge.chunks SET embedding = %s, model = 'm2' WHERE id = %s",
            (towards(50), chunk),
        )
        assert moved.rowcount == 1
        session.execute("DELETE FROM knowledge.papers")
        assert found(session, "text", towards(0)) == []


# Whose it is


@pytest.mark.parametrize("role", READERS)
def test_each_role_finds_its_own_organizations_and_without_one_nothing(
    study: Study, role: str
) -> None:
    other = make_study(study.place)
    with study.acting(WORKER) as ours, other.acting(WORKER) as theirs:
        own = add_chunk(ours, "Statins", towards(20))
        for degrees in range(5):
            add_chunk(theirs, "Statins statins", towards(degrees))
    with study.acting(role) as inside, study.place.acting_as(role) as outside:
        for arguments in (("statins", towards(0)), ("statins", None), (None, towards(0))):
            assert found(inside, *arguments) == [own]
            assert found(outside, *arguments) == []
        for table in ("papers", "chunks"):
            seen = organizations_seen(inside, f"knowledge.{table}")
            assert seen == {study.organization.id}
            assert organizations_seen(outside, f"knowledge.{table}") == set()


def test_nobody_writes_into_another_organization(study: Study) -> None:
    other = make_study(study.place)
    with other.acting(WORKER) as theirs:
        their_paper = add_paper(theirs)
    with study.acting(WORKER) as session:
        refused(
            session,
            errors.ForeignKeyViolation,
            "INSERT INTO knowledge.chunks (paper_id, position, content) VALUES (%s, 0, 'x')",
            their_paper,
        )
        refused(
            session,
            errors.InsufficientPrivilege,
            "INSERT INTO knowledge.chunks (organization_id, paper_id, position, content)"
            " VALUES (%s, %s, 0, 'x')",
            other.organization.id,
            their_paper,
        )
        assert session.execute("DELETE FROM knowledge.papers").rowcount == 0


@pytest.mark.parametrize("role", [ORCHESTRATOR, GUIDELINES, READONLY])
def test_readers_only_read(study: Study, role: str) -> None:
    with study.acting(role) as session:
        for statement in (
            b"INSERT INTO knowledge.papers (title, source, license) VALUES ('x', 'x', 'x')",
            b"DELETE FROM knowledge.chunks",
            b"UPDATE knowledge.papers SET title = 'x'",
        ):
            with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
                session.execute(statement)


def test_collab_finds_nothing_at_all(study: Study) -> None:
    with study.acting(COLLAB) as session:
        refused(session, errors.InsufficientPrivilege, "SELECT * FROM knowledge.search('x', NULL)")
