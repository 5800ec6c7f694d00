"""How many of the ten nearest chunks the search finds, against looking at every chunk."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.measure import BenchmarkError
from benchmarks.schema_load.place import Place, script

NEAREST = 10


@dataclass(frozen=True)
class Recall:
    """Shares of the ten nearest, over all queries of a kind."""

    near: float
    """Queries that are made as one more chunk of a topic would be."""
    anywhere: float
    """Queries that point in a random direction."""


def recall(place: Place, organization: int, queries: int) -> Recall:
    """knowledge.search_vector() with its own settings, as the operator within that organization."""
    with place.operator() as session:
        session.execute(
            "SELECT set_config('app.organization_id', benchmark.id(1, %s)::text, false)",
            [organization],
        )
        session.execute("DROP TABLE IF EXISTS benchmark.bounded")
        rows = script(session, "nearest_exact")
    if [(near, wanted) for near, _, wanted in rows] != [
        (True, NEAREST * queries),
        (False, NEAREST * queries),
    ]:
        raise BenchmarkError(f"not {NEAREST} nearest for each of {queries} queries: {rows}")
    near, anywhere = (found / wanted for _, found, wanted in rows)
    return Recall(near, anywhere)
