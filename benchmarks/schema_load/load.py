"""Rows: a million sessions and audit events, a hundred thousand chunks, and a queue of jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from time import perf_counter

from psycopg import sql

from benchmarks.measure import BenchmarkError
from benchmarks.schema_load.place import Place, Session, script

HANDS = 2
"""Connections that load at once."""
_VECTORS, _WORDS = "knowledge.chunks_embedding_idx", "knowledge.chunks_tsv_idx"


@dataclass(frozen=True)
class Sizes:
    sessions: int = 1_000_000
    events: int = 1_000_000
    chunks: int = 100_000
    jobs: int = 300_000
    organizations: int = 100
    members: int = 20
    """Of each organization."""
    queries: int = 200
    """Near the topics, and as many anywhere."""

    @property
    def topics(self) -> int:
        return max(2, self.chunks // 500)


QUICK = Sizes(sessions=10_000, events=10_000, chunks=2_000, jobs=60_000)

Task = tuple[str, dict[str, object]]


@dataclass(frozen=True)
class Loaded:
    seconds: float
    """All rows, without the vector index."""
    index_seconds: float
    events: int
    """Walked by audit.verify_chain(), which found nothing."""
    verify_seconds: float


def load(place: Place, sizes: Sizes, say: Callable[[str], None]) -> Loaded:
    """Fill the schema; the chunks' two search indexes are made anew afterwards, by their definitions."""
    with place.operator() as session:
        known: dict[str, object] = {**asdict(sizes), "topics": sizes.topics}
        started = perf_counter()
        script(session, "people", **known)
        script(session, "partitions", **known)
        script(session, "papers", **known, papers=sizes.chunks // 10)
        vectors, words = _drop(session, _VECTORS), _drop(session, _WORDS)
        say("loading")
        _at_once(place, _tasks(sizes, known))
        session.execute("SET maintenance_work_mem = '1GB'")
        session.execute(words)
        session.execute("VACUUM (ANALYZE)")
        filled = perf_counter()
        say("building the vector index")
        session.execute(vectors)
        built = perf_counter()
        say("verifying the chains")
        verified = perf_counter()
        events = _verify(place, sizes)
    return Loaded(filled - started, built - filled, events, perf_counter() - verified)


def _drop(session: Session, index: str) -> bytes:
    """Returns what makes it again."""
    row = session.execute("SELECT pg_get_indexdef(%s::regclass)", [index]).fetchone()
    session.execute(f"DROP INDEX {index}".encode())
    return str((row or ("",))[0]).encode()


def _tasks(sizes: Sizes, known: dict[str, object]) -> Iterator[Task]:
    """Longest first, in parts that two hands can share."""
    half = sizes.organizations // 2
    each = sizes.events // sizes.organizations
    for seed, (first, last) in enumerate(_parts(sizes.chunks)):
        yield "chunks", {**known, "first": first, "last": last, "seed": 0.5 + seed / 10}
    for first, last in ((1, half), (half + 1, sizes.organizations)):
        yield "events", {**known, "first": first, "last": last, "each": each}
    for first, last in _parts(sizes.sessions):
        yield "sessions", {**known, "first": first, "last": last}
    yield "jobs", known


def _parts(count: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """
    >>> _parts(10)
    ((1, 5), (6, 10))
    """
    return (1, count // 2), (count // 2 + 1, count)


def _at_once(place: Place, tasks: Iterator[Task]) -> None:
    def one(task: Task) -> None:
        name, parameters = task
        with place.operator() as session:
            script(session, name, **parameters)

    with ThreadPoolExecutor(HANDS) as pool:
        for _ in pool.map(one, tasks):
            pass


def _verify(place: Place, sizes: Sizes) -> int:
    """How many events are in whole chains; BenchmarkError where one is not."""
    half = sizes.organizations // 2

    def one(part: tuple[int, int]) -> tuple[int, int]:
        with place.operator() as session:
            bad, walked = script(session, "chains_bad", first=part[0], last=part[1])[0]
        return int(bad), int(walked)

    with ThreadPoolExecutor(HANDS) as pool:
        found = list(pool.map(one, ((1, half), (half + 1, sizes.organizations))))
    if any(bad for bad, _ in found):
        raise BenchmarkError("audit.verify_chain() found a bad event among those that were loaded")
    return sum(walked for _, walked in found)


def settle(place: Place) -> None:
    """Nothing is left to be written that belongs to the run before."""
    with place.operator() as session:
        session.execute(sql.SQL("CHECKPOINT"))
