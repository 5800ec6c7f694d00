"""Each benchmark: what is measured, against whom, what was asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import against_testinfra
from benchmarks.by_hand import by_hand, initdb_arguments, make_ready
from benchmarks.deployment import RFDATA, Deployment, temporary
from benchmarks.figure import Asked, Figure
from benchmarks.measure import MEGABYTE, Sample, Spread, alternate, repeat, run
from benchmarks.migrations import measured as migrations
from benchmarks.migrations.layout import COUNT
from benchmarks.schema_load import measured as schema

Pairs = Sequence[tuple[Sample, Sample]]

CHEAP = 3
"""A process of a tenth of a second is run so many times as often."""
MEMORY = Asked(80)
QUICK_COUNT = 51
"""Migrations, for a try."""


class Bench:
    """What the benchmarks share: how often to run, and one deployment that is up."""

    def __init__(
        self, runs: int, stack: ExitStack, say: Callable[[str], None], *, quick: bool = False
    ) -> None:
        self.runs = runs
        self.quick = quick
        self.say = say
        self._stack = stack
        self._live: Deployment | None = None

    def live(self) -> Deployment:
        """A deployment that is up with nothing left to do; made when first asked for."""
        if self._live is None:
            self.say("bringing up a deployment")
            self._live = self._stack.enter_context(temporary())
            self._live.up()
        return self._live


@dataclass(frozen=True)
class Benchmark:
    name: str
    about: str
    """What is timed, and what the rival does not do: a paragraph of the page."""
    measure: Callable[[Bench], list[Figure]]


@dataclass(frozen=True)
class Part:
    """Benchmarks that are measured and written together: one JSON, one section of the page."""

    name: str
    benchmarks: tuple[Benchmark, ...]
    results: str
    """The file in benchmarks/results/."""


def _help(bench: Bench) -> list[Figure]:
    pairs = alternate(
        CHEAP * bench.runs,
        lambda: run((RFDATA, "--help")),
        lambda: run((sys.executable, "-c", "pass")),
    )
    return [
        Figure("help", "`rfdata --help`", "ms", _times(_ours(pairs), 1000), Asked(150)),
        Figure("help", "`python -c pass`", "ms", _times(_theirs(pairs), 1000)),
        Figure("help", "ratio", "x", _ratios(pairs)),
        Figure("help", "peak memory", "MB", _peaks(_ours(pairs)), MEMORY),
    ]


def _up_cold(bench: Bench) -> list[Figure]:
    with TemporaryDirectory(prefix="rfdata-benchmark-") as folder:
        with temporary() as model:
            arguments = initdb_arguments(model)
            model.up()
            model.down()
            ready = make_ready(model, arguments, Path(folder).resolve())

        def rfdata() -> Sample:
            with temporary() as deployment:
                return deployment.up()

        def hand() -> Sample:
            with by_hand(ready) as sample:
                return sample

        pairs = alternate(bench.runs, rfdata, hand)
    return [
        Figure("up_cold", "`rfdata up --yes`", "s", _times(_ours(pairs))),
        Figure("up_cold", "by hand", "s", _times(_theirs(pairs))),
        Figure("up_cold", "ratio", "x", _ratios(pairs), Asked(1.5)),
        Figure("up_cold", "processor time", "s", _processor(_ours(pairs))),
        Figure("up_cold", "peak memory", "MB", _peaks(_ours(pairs)), MEMORY),
    ]


def _up_noop(bench: Bench) -> list[Figure]:
    samples = repeat(bench.runs, bench.live().up)
    return [
        Figure("up_noop", "`rfdata up --yes`", "s", _times(samples), Asked(1)),
        Figure("up_noop", "processor time", "s", _processor(samples)),
        Figure("up_noop", "peak memory", "MB", _peaks(samples), MEMORY),
    ]


def _verify(bench: Bench) -> list[Figure]:
    deployment = bench.live()
    samples = repeat(bench.runs, lambda: deployment.rfdata("verify"))
    return [
        Figure("verify", "`rfdata verify`", "s", _times(samples), Asked(2)),
        Figure("verify", "processor time", "s", _processor(samples)),
        Figure("verify", "peak memory", "MB", _peaks(samples), MEMORY),
    ]


def _testinfra(bench: Bench) -> list[Figure]:
    deployment = bench.live()
    ours, theirs = len(against_testinfra.decided(deployment)), against_testinfra.CHECKS
    with against_testinfra.suite(deployment) as rival:
        pairs = alternate(bench.runs, lambda: deployment.rfdata("verify"), rival.checks)
        starts = alternate(bench.runs, lambda: run((RFDATA, "--version")), rival.nothing)
    start, their_start = _times(_ours(starts)).middle, _times(_theirs(starts)).middle
    bare = [
        ((their.seconds - their_start) / theirs) / ((our.seconds - start) / ours)
        for our, their in pairs
    ]
    faster = [(their.seconds / theirs) / (our.seconds / ours) for our, their in pairs]
    mine, other = _ours(pairs), _theirs(pairs)
    name = "testinfra"
    return [
        Figure(name, f"`rfdata verify`, each of {ours} checks", "ms", _times(mine, 1000 / ours)),
        Figure(name, f"testinfra, each of {theirs}", "ms", _times(other, 1000 / theirs)),
        Figure(name, "faster per check", "x", Spread.of(faster), Asked(10, at_least=True)),
        Figure(name, "the same without the programs' start", "x", Spread.of(bare)),
        Figure(name, "testinfra, whole", "s", _times(other)),
    ]


def _migrations(bench: Bench) -> list[Figure]:
    return migrations.measure(bench.runs, bench.say, QUICK_COUNT if bench.quick else COUNT)


def _schema(bench: Bench) -> list[Figure]:
    return schema.measure(bench.runs, bench.say, quick=bench.quick)


def _ours(pairs: Pairs) -> list[Sample]:
    return [ours for ours, _ in pairs]


def _theirs(pairs: Pairs) -> list[Sample]:
    return [theirs for _, theirs in pairs]


def _times(samples: Iterable[Sample], factor: float = 1.0) -> Spread:
    return Spread.of(sample.seconds * factor for sample in samples)


def _processor(samples: Iterable[Sample]) -> Spread:
    return Spread.of(sample.processor_seconds for sample in samples)


def _ratios(pairs: Pairs) -> Spread:
    """Pair by pair, so that a slow minute of the machine weighs on both sides."""
    return Spread.of(ours.seconds / theirs.seconds for ours, theirs in pairs)


def _peaks(samples: Iterable[Sample]) -> Spread:
    return Spread.of(sample.peak_bytes / MEGABYTE for sample in samples)


_LAYER = (
    Benchmark(
        "up_cold",
        "`rfdata up --yes` with the programs present and no data, against the same servers started by "
        "a shell script: `initdb` with the same options (checksums, UTF8, the same locale, fsync on), "
        "`pg_ctl start -w`, `redis-server` twice, all with the settings that rfdata rendered, TLS "
        "included, each waited for until it answers. On that side the certificates, the folders and "
        "the settings lie ready before the clock starts, and it makes no database, no roles, no "
        "extension, sets no limits, starts no watch, verifies nothing and writes no report; rfdata "
        "does all of that within its time. One after the other in turn, the ratio pair by pair.",
        _up_cold,
    ),
    Benchmark(
        "up_noop",
        "`rfdata up --yes` on a layer that is up: reads everything, finds nothing to do, verifies all "
        "lines, writes the evidence and the reports.",
        _up_noop,
    ),
    Benchmark(
        "verify",
        "`rfdata verify`, all lines, with evidence and reports.",
        _verify,
    ),
    Benchmark(
        "testinfra",
        "`rfdata verify` against pytest-testinfra (local backend, no plugin but its own) with 40 of the "
        "same checks on the same deployment, in `benchmarks/testinfra_suite/`: each is one of rfdata's "
        "checks by its id and asks a file, a socket, a process, `psql`, `redis-cli` or `openssl`, as "
        "testinfra's users write them. Whole processes, divided by the checks that each decides; "
        "rfdata's that do not apply here aren't counted. A suite that keeps what it has read for the next "
        "check would be faster; rfdata reads once for all checks, so with fewer of them each would cost "
        "more. rfdata's time includes evidence and reports.",
        _testinfra,
    ),
    Benchmark(
        "help",
        "`rfdata --help` against the start of Python itself.",
        _help,
    ),
)

_MIGRATIONS = (
    Benchmark(
        migrations.APPLY,
        "The same 1,000 small migrations (CREATE TABLE, ALTER TABLE with a CHECK, CREATE INDEX, INSERT, "
        "and a file of three statements, in turn; 1.4 statements a file) onto an empty database that is "
        "made anew from a template, untimed and followed by a CHECKPOINT, before each run. Whole "
        "processes on one server that has rfdata's own settings for production (fsync and "
        "synchronous_commit on); everybody comes over its unix socket as the same role. Afterwards the "
        "columns, types, comments and rows must be the same as after psql. dbmate is told not to dump the "
        "schema. Alembic and yoyo lie in a virtual environment of their own with the faster of the two "
        "drivers for each (psycopg2; psycopg 3). Alembic's default is one transaction for all, so that "
        "an error in the last file takes back all of them; everyone else commits file by file. The floor is what the "
        "issue names: one psql with all files, each statement its own transaction, no ledger and no lock. "
        "The runner called as a library is a Python program of a few lines that reads the folder and the ledger and "
        "applies what is missing; `rfdata migrate up` also reads the configuration, finds the server, "
        "checks what it would run, and keeps evidence.",
        _migrations,
    ),
)

_SCHEMA = (
    Benchmark(
        schema.NAME,
        "A deployment's own schema, brought there by `rfdata up`, with rfdata's own settings (shared_buffers "
        "256 MB, fsync on) but 300 connections, and 1,000,000 sessions, 1,000,000 audit events over a year in the "
        "chains of 100 organizations (verified by audit.verify_chain() after loading), 300,000 queued jobs and "
        "100,000 chunks. pgbench comes as the service whose work it is, over TLS with its "
        "password, with 32 clients on two threads and prepared statements, on the same machine as the server; each run takes "
        "5 s. Audit append is a "
        "transaction of identity.enter() and audit.append(), in a random organization, then with all clients "
        "in one, where each waits for the others' commit. Nearly every session touch writes. A job is "
        "claimed and finished in two transactions that are timed as one. The search asks by word and by vector for ten chunks of "
        "the organization that has four fifths of them; the query's vector comes from a table, so that its text "
        "isn't parsed. Chunks belong to one of 200 topics: random directions in 1,536 dimensions, to which "
        "as much Gaussian noise is added as they are long, so that the cosine of two chunks of a topic is about 0.5 "
        "and of two topics about 0. Queries near the topics are made like one chunk more. Random directions are nearly at a "
        "right angle to every chunk, so which ten are nearest is a matter of the third decimal: text isn't like that, "
        "and nothing is asked of them. Recall is that of knowledge.search_vector() with its own "
        "settings against looking at every chunk of the organization. Plans are auto_explain's, of the statements "
        "inside of the functions, at these sizes, as the service: each must use the indexes that are meant for it and read no large table from end to end.",
        _schema,
    ),
)

LAYER = Part("layer", _LAYER, "latest.json")
PARTS = (
    LAYER,
    Part("migrations", _MIGRATIONS, "migrations.json"),
    Part("schema", _SCHEMA, "schema.json"),
)
BENCHMARKS = tuple(benchmark for part in PARTS for benchmark in part.benchmarks)
