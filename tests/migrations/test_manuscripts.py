"""The chain of a manuscript's versions: it holds, and shows every change made past it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, LiteralString
from uuid import UUID

import pytest
from psycopg import errors
from tests.migrations.people import (
    COLLAB,
    READONLY,
    at_once,
)
from tests.migrations.studies import (
    APPEND,
    Study,
    make_study,
    new_manuscript,
    one,
    refused,
)
from tests.migrations.studies import shared as shared
from tests.migrations.studies import study as study

if TYPE_CHECKING:
    from rfdata.postgres.client import Session


def test_versions_are_chained_and_the_chain_holds(study: Study) -> None:
    manuscript = new_manuscript(study)
    with study.acting(COLLAB) as session:
        assert [one(session, APPEND, manuscript, text) for text in "abc"] == [1, 2, 3]
        chain = session.execute(
            "SELECT previous_hash, hash FROM research.manuscript_versions"
            " WHERE manuscript_id = %s ORDER BY number",
            (manuscript,),
        ).fetchall()
        assert chain[0][0] == bytes(32)
        assert [row[0] for row in chain[1:]] == [row[1] for row in chain[:-1]]
        assert problems(session, manuscript) == []


def test_the_hash_can_be_worked_out_elsewhere(study: Study) -> None:
    """As the function's comment says, in a session of another time zone."""
    import hashlib
    import json

    manuscript = new_manuscript(study)
    with study.acting() as session:
        session.execute("SET timezone = 'Pacific/Chatham'")
        session.execute(
            "SELECT research.append_manuscript_version(%s, 'Grüße', 'a \"note\"')", (manuscript,)
        )
        row = session.execute(
            "SELECT hash, author_id, (extract(epoch FROM created_at) * 1000000)::bigint"
            " FROM research.manuscript_versions WHERE manuscript_id = %s",
            (manuscript,),
        ).fetchone()
    assert row is not None
    header = json.dumps(
        [str(study.organization.id), str(manuscript), 1, str(row[1]), row[2], 'a "note"']
    )
    text = hashlib.sha256("Grüße".encode()).digest()
    assert row[0] == hashlib.sha256(bytes(32) + text + header.encode()).digest()


def test_concurrent_writers_do_not_fork_the_chain(study: Study) -> None:
    manuscript = new_manuscript(study)
    with study.crowd(8, COLLAB) as sessions:
        numbers = at_once([partial(one, each, APPEND, manuscript, "x") for each in sessions])
        assert sorted(numbers, key=str) == list(range(1, 9))
        assert problems(sessions[0], manuscript) == []


def test_who_was_slower_is_told_so(study: Study) -> None:
    manuscript = new_manuscript(study)
    append: LiteralString = "SELECT research.append_manuscript_version(%s, 'x', '', %s)"
    with study.acting() as session:
        session.execute(append, (manuscript, 0))
        refused(session, errors.SerializationFailure, append, manuscript, 0)
        session.execute("UPDATE research.manuscripts SET status = 'archived'")
        refused(session, errors.ObjectNotInPrerequisiteState, append, manuscript, 1)


def test_a_version_needs_an_author(study: Study) -> None:
    manuscript = new_manuscript(study)
    with study.place.acting_as(COLLAB, study.organization.id) as session:
        refused(session, errors.NotNullViolation, APPEND, manuscript, "x")


CHANGE = "UPDATE research.manuscript_versions AS v SET"
REHASH = f"{CHANGE} hash = research.manuscript_hash(v)"
DELETE = "DELETE FROM research.manuscript_versions AS v"
AT = "WHERE v.manuscript_id = %(manuscript)s AND v.number ="
COPY = (
    "INSERT INTO research.manuscript_versions SELECT (jsonb_populate_record(v,"
    " jsonb_build_object('id', gen_random_uuid(), 'number', 5, 'previous_hash', v.hash))).*"
    f" FROM research.manuscript_versions AS v {AT} 4"
)


@pytest.mark.parametrize(
    ("tampering", "number", "problem"),
    [
        ([f"{CHANGE} content = 'x' {AT} 2"], 2, "was changed after it was added"),
        ([f"{CHANGE} note = 'x' {AT} 3"], 3, "was changed after it was added"),
        ([f"{CHANGE} created_at = now() {AT} 1"], 1, "was changed after it was added"),
        ([f"{DELETE} {AT} 2"], 2, "is missing"),
        ([f"{DELETE} {AT} 4"], 4, "is missing"),
        ([f"{DELETE} {AT} ANY ('{{1,2,3,4}}')"], 1, "is missing"),
        (
            [f"{CHANGE} content = 'x' {AT} 2", f"{REHASH} {AT} 2"],
            3,
            "does not follow the version before it",
        ),
        (
            [f"{CHANGE} content = 'x' {AT} 4", f"{REHASH} {AT} 4"],
            4,
            "is not the one that the manuscript ends with",
        ),
        ([COPY], 5, "was changed after it was added"),
        ([COPY, f"{REHASH} {AT} 5"], 5, "was added past the manuscript's end"),
    ],
)
def test_tampering_is_found_and_its_place_named(
    study: Study, tampering: list[str], number: int, problem: str
) -> None:
    manuscript = new_manuscript(study)
    with study.acting(COLLAB) as session:
        for text in "abcd":
            session.execute(APPEND, (manuscript, text))
        with study.place.superuser() as superuser, superuser.transaction():
            superuser.execute("SET LOCAL session_replication_role = replica")
            for statement in tampering:
                changed = superuser.execute(statement.encode(), {"manuscript": manuscript})
                assert changed.rowcount > 0
        assert problems(session, manuscript) == [(number, problem)]


def test_a_chain_that_can_not_be_seen_is_no_good_chain(study: Study) -> None:
    manuscript = new_manuscript(study)
    with make_study(study.place).acting(READONLY) as elsewhere:
        refused(
            elsewhere,
            errors.NoDataFound,
            "SELECT * FROM research.verify_manuscript(%s)",
            manuscript,
        )


def problems(session: Session, manuscript: UUID) -> list[tuple[int, str]]:
    rows = session.execute("SELECT * FROM research.verify_manuscript(%s)", (manuscript,))
    return [(number, said) for number, said in rows]
