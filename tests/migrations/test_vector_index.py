"""Which way a vector search goes, and that it finds what comparing everything finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString
from uuid import UUID

import pytest
from psycopg import errors
from tests.migrations.conftest import Scratch
from tests.migrations.libraries import add_chunk, add_paper, found, towards
from tests.migrations.people import (
    WORKER,
    plans,
)
from tests.migrations.studies import Study, make_study, refused
from tests.migrations.studies import shared as shared
from tests.migrations.studies import study as study

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

SEARCH_VECTOR: LiteralString = "SELECT chunk_id FROM knowledge.search_vector(%s, %s)"


@dataclass(frozen=True)
class Crowds:
    """Two organizations with more chunks than are compared one by one."""

    near: Study
    """800 chunks, all close to the first axis."""
    far: Study
    """550 chunks, each farther from it than any of those."""


@pytest.fixture(scope="module")
def crowds(shared: Scratch) -> Crowds:
    made = Crowds(make_study(shared), make_study(shared))
    for crowd, count, away in ((made.near, 800, 0.2), (made.far, 550, 5)):
        with crowd.acting(WORKER) as session:
            session.execute(
                "INSERT INTO knowledge.chunks (paper_id, position, content, embedding, model)"
                " SELECT %(paper)s, n, 'Crowds of statins', (SELECT array_agg(CASE i"
                "     WHEN 1 THEN 1 WHEN 2 THEN %(away)s + n / 10000.0 ELSE sin(n * 1000 + i) / 100"
                "   END ORDER BY i) FROM generate_series(1, 1536) AS i)::public.vector, 'm1'"
                " FROM generate_series(1, %(count)s) AS n",
                {"paper": add_paper(session), "count": count, "away": away},
            )
    shared.run("ANALYZE knowledge.chunks")
    return made


def exact(session: Session, count: int) -> list[UUID]:
    """By comparing all that row-level security shows."""
    rows = session.execute(
        "SELECT id FROM knowledge.chunks WHERE embedding IS NOT NULL"
        " ORDER BY (embedding OPERATOR(public.<=>) %s::public.vector) + 0, id LIMIT %s",
        (towards(0), count),
    )
    return [row[0] for row in rows]


def plans_of_search(study: Study, *settings: LiteralString) -> str:
    with study.place.superuser() as session:
        session.execute(
            "SELECT set_config('app.organization_id', %s, false)", (str(study.organization.id),)
        )
        for setting in settings:
            session.execute(setting)
        return plans(session, "SELECT * FROM knowledge.search('astrology', %s)", towards(0))


def test_a_large_organizations_searches_use_the_indexes(crowds: Crowds) -> None:
    """Also where the planner takes reading everything for cheaper, as it does at this size."""
    plan = plans_of_search(crowds.near)
    assert "Index Scan using chunks_embedding_idx" in plan
    assert "Bitmap Index Scan on chunks_tsv_idx" in plan
    assert "Index Scan using chunks_pkey" in plan
    assert "Seq Scan on chunks" not in plan
    assert "'0'::double precision" not in plan


def test_a_small_organizations_chunks_are_all_compared(crowds: Crowds, study: Study) -> None:
    with study.acting(WORKER) as session:
        ours = [add_chunk(session, "x", towards(60 + number)) for number in range(20)]
        assert found(session, None, towards(0), 10) == ours[:10]
    plan = plans_of_search(study)
    assert "chunks_embedding_idx" not in plan
    assert "Seq Scan on chunks" not in plan


def test_between_nearer_ones_the_index_goes_on_until_it_finds_enough(crowds: Crowds) -> None:
    """A plain index scan would look at the nearest 100, none of which is this organization's."""
    with crowds.far.acting(WORKER) as session:
        nearest = [row[0] for row in session.execute(SEARCH_VECTOR, (towards(0), 10))]
        assert len(nearest) == 10
        assert len(set(nearest) & set(exact(session, 10))) >= 9
    assert "'0'::double precision" not in plans_of_search(crowds.far)


def test_where_the_index_gives_up_all_are_compared(crowds: Crowds) -> None:
    give_up: LiteralString = "SET hnsw.max_scan_tuples = 1"
    with crowds.far.acting(WORKER) as session:
        session.execute(give_up)
        nearest = [row[0] for row in session.execute(SEARCH_VECTOR, (towards(0), 10))]
        assert nearest == exact(session, 10)
    plan = plans_of_search(crowds.far, give_up)
    assert "Index Scan using chunks_embedding_idx" in plan
    assert "'0'::double precision" in plan


def test_the_index_finds_what_comparing_finds(crowds: Crowds) -> None:
    """A floor at this size, with room for chance; the benchmark measures at 100,000 chunks."""
    with crowds.near.acting(WORKER) as session:
        nearest = {row[0] for row in session.execute(SEARCH_VECTOR, (towards(0), 50))}
        assert len(nearest & set(exact(session, 50))) >= 47


def test_a_search_leaves_the_sessions_settings_alone(crowds: Crowds) -> None:
    settings: LiteralString = (
        "SELECT current_setting('hnsw.ef_search'), current_setting('hnsw.iterative_scan'),"
        " current_setting('enable_sort'), current_setting('jit')"
    )
    with crowds.near.acting(WORKER) as session, session.transaction():
        session.execute("SET LOCAL hnsw.ef_search = 77")
        before = session.execute("SELECT current_setting('jit')").fetchone()
        assert found(session, "x", towards(0), 10, None, 500)
        assert before is not None
        assert session.execute(settings).fetchone() == ("77", "off", "on", before[0])


def test_whoever_finds_may_not_look_into_others_by_naming_them(
    crowds: Crowds, study: Study
) -> None:
    """What takes an organization as an argument is not granted to anybody."""
    with study.acting(WORKER) as session:
        refused(
            session,
            errors.InsufficientPrivilege,
            "SELECT knowledge.compare_all(%s, %s, 10, NULL)",
            crowds.near.organization.id,
            towards(0),
        )


@pytest.mark.parametrize("ef_search", [-5, 1, 5000])
def test_any_ef_search_is_brought_into_its_bounds(study: Study, ef_search: int) -> None:
    with study.acting(WORKER) as session:
        chunk = add_chunk(session, "x", towards(0))
        assert found(session, "x", towards(0), 10, None, ef_search) == [chunk]
