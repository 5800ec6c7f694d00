"""pgbench, as one of the services: over TLS with its password, and every transaction timed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import BenchmarkError, run

CLIENTS = 32
THREADS = 2
_PERCENT = 95
_LATENCY = 2
"""The column of pgbench's log that has a transaction's microseconds."""


@dataclass(frozen=True)
class Rate:
    """One run."""

    per_second: float
    p95: float
    """Milliseconds that 95 of 100 transactions stayed within."""


@dataclass(frozen=True)
class Service:
    """A role of the deployment and how it logs in."""

    program: Path
    host: str
    port: int
    database: str
    role: str
    password: str
    ca: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGDATABASE": self.database,
            "PGUSER": self.role,
            "PGPASSWORD": self.password,
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": str(self.ca),
        }


def drive(
    service: Service, script: Path, seconds: int, variables: Mapping[str, int], seed: int
) -> Rate:
    """Run a script over and over with all clients; BenchmarkError if a single transaction failed."""
    defined = [word for name, value in variables.items() for word in ("-D", f"{name}={value}")]
    with TemporaryDirectory(prefix="rfdata-benchmark-") as folder:
        sample = run(
            (
                *(service.program, "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", str(THREADS)),
                *("-T", str(seconds), "-f", script, "-l", f"--random-seed={seed}"),
                *(*defined, "--log-prefix=transactions"),
            ),
            env=service.environment,
            cwd=Path(folder),
        )
        latencies = sorted(_latencies(Path(folder).glob("transactions.*")))
    rate = re.search(r"^tps = ([\d.]+) \(without", sample.output, re.M)
    failed = re.search(r"number of failed transactions: (\d+)", sample.output)
    if rate is None or not latencies or failed is None or failed.group(1) != "0":
        raise BenchmarkError(f"{script.name}: pgbench says:\n{sample.output}")
    return Rate(float(rate.group(1)), percentile(latencies, _PERCENT) / 1000)


def percentile(ordered: list[int], percent: int) -> int:
    """The smallest value that so many of a hundred don't exceed (nearest rank).

    >>> percentile(list(range(1, 101)), 95), percentile([7], 95)
    (95, 7)
    """
    return ordered[-(-len(ordered) * percent // 100) - 1]


def _latencies(logs: Iterable[Path]) -> Iterable[int]:
    for log in logs:
        with log.open(encoding="ascii") as lines:
            for line in lines:
                yield int(line.split()[_LATENCY])
