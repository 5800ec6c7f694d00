"""What kind of machine it was, without its name."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.deployment import RFDATA
from benchmarks.measure import run

_GIB = 1024**3


@dataclass(frozen=True)
class Machine:
    measured_at: str
    cpu: str
    cores: int
    memory_gib: float
    system: str
    load: float
    """Processes that wanted a core in the last minute before: above 1, others were at work."""
    versions: dict[str, str]


def look() -> Machine:
    found = json.loads(run((RFDATA, "runtime", "show", "--format", "json")).output)
    return Machine(
        measured_at=f"{datetime.now(UTC):%Y-%m-%d}",
        cpu=_field("/proc/cpuinfo", "model name") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _GIB, 1),
        system=_field("/etc/os-release", "PRETTY_NAME", "=").strip('"') or platform.system(),
        load=round(os.getloadavg()[0], 2),
        versions={
            "rfdata": version("rfdata"),
            "Python": platform.python_version(),
            "PostgreSQL": f"{found['postgres']['version']} ({found['postgres']['origin']})",
            "pgvector": found["postgres"]["pgvector"],
            "Redis": f"{found['redis']['version']} ({found['redis']['origin']})",
            "pytest-testinfra": version("pytest-testinfra"),
            "kernel": platform.release(),
        },
    )


def _field(path: str, name: str, separator: str = ":") -> str:
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(separator)
        if key.strip() == name:
            return value.strip()
    return ""
