"""The schema's functions under load, the plans behind them, and what the vector index finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Asked, Figure
from benchmarks.measure import Spread
from benchmarks.schema_load import load, plans
from benchmarks.schema_load.load import QUICK, Loaded, Sizes
from benchmarks.schema_load.pgbench import CLIENTS, drive
from benchmarks.schema_load.place import Place, place
from benchmarks.schema_load.recall import NEAREST, recall

NAME = "schema"
SCRIPTS = Path(__file__).with_name("scripts")
SECONDS, QUICK_SECONDS = 5, 2
"""Of each run of pgbench."""
RECALL = Asked(0.95, at_least=True)
LARGE, SMALL = 1, 2
"""Organizations: the one with four fifths of the chunks, and one with a five-hundredth."""


@dataclass(frozen=True)
class Load:
    """What the clients do over and over."""

    what: str
    service: str
    script: str
    variables: Mapping[str, int]


def measure(runs: int, say: Callable[[str], None], *, quick: bool = False) -> list[Figure]:
    sizes = QUICK if quick else Sizes()
    with place() as found:
        loaded = load.load(found, sizes, say)
        say("looking at plans, recall")
        settled = [*_plans(found, say), *_recall(found, sizes)]
        rates = []
        for each in _loads(sizes):
            say(f"{each.what}: {CLIENTS} clients")
            rates += _rates(found, each, runs, QUICK_SECONDS if quick else SECONDS)
    return [*rates, *settled, *_loading(loaded, sizes)]


def _loads(sizes: Sizes) -> tuple[Load, ...]:
    people = {"organizations": sizes.organizations, "members": sizes.members}
    alone = {**people, "organizations": 1}
    asking = {"queries": sizes.queries, "members": sizes.members}
    return (
        Load(
            f"audit append, {sizes.organizations} organizations",
            "orchestrator",
            "audit_append",
            people,
        ),
        Load("audit append, all in one organization", "orchestrator", "audit_append", alone),
        Load("session touch", "orchestrator", "session_touch", {"sessions": sizes.sessions}),
        Load("job claim and finish", "worker", "job", {}),
        Load("hybrid search", "guideline_engine", "search", asking),
    )


def _rates(found: Place, each: Load, runs: int, seconds: int) -> list[Figure]:
    service, script = found.service(each.service), SCRIPTS / f"{each.script}.sql"
    load.settle(found)
    drive(service, script, seconds, each.variables, seed=0)
    rates = [drive(service, script, seconds, each.variables, seed) for seed in range(1, runs + 1)]
    return [
        Figure(NAME, each.what, "/s", Spread.of(rate.per_second for rate in rates)),
        Figure(NAME, f"{each.what}: p95", "ms", Spread.of(rate.p95 for rate in rates)),
    ]


def _plans(found: Place, say: Callable[[str], None]) -> list[Figure]:
    troubles = [(wanted.name, plans.look(found, wanted).lacks(wanted)) for wanted in plans.WANTED]
    for name, trouble in troubles:
        if trouble:
            say(f"{name} {trouble}")
    good, all_of_them = sum(not trouble for _, trouble in troubles), len(troubles)
    asked = Asked(all_of_them, at_least=True)
    return [Figure(NAME, "functions that use their indexes", "count", Spread.of([good]), asked)]


def _recall(found: Place, sizes: Sizes) -> list[Figure]:
    large = recall(found, LARGE, sizes.queries)
    small = recall(found, SMALL, sizes.queries)

    def figure(what: str, share: float, asked: Asked | None = None) -> Figure:
        return Figure(NAME, f"recall@{NEAREST}, {what}", "share", Spread.of([share]), asked)

    return [
        figure(f"{sizes.queries} queries near the topics", large.near, RECALL),
        figure(f"{sizes.queries} queries in random directions", large.anywhere),
        figure("the same near the topics, a small organization", small.near, RECALL),
        figure("the same in random directions, a small organization", small.anywhere),
    ]


def _loading(loaded: Loaded, sizes: Sizes) -> list[Figure]:
    return [
        Figure(NAME, "loading all rows", "s", Spread.of([loaded.seconds])),
        Figure(
            NAME,
            f"the HNSW index of {sizes.chunks:,} chunks",
            "s",
            Spread.of([loaded.index_seconds]),
        ),
        Figure(
            NAME, f"verifying {loaded.events:,} events", "s", Spread.of([loaded.verify_seconds])
        ),
    ]
