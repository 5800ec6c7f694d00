"""`tuning = "auto"`: memory and worker settings worked out from what PostgreSQL may use."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rfdata.config.load import Config
from rfdata.config.quantities import format_size
from rfdata.config.schema import GB, MB
from rfdata.postgres.conf import Desired


@dataclass(frozen=True, slots=True)
class Host:
    """The machine where the server runs."""

    memory: int
    """Bytes."""
    cpus: int


def budget(config: Config, host: Host | None) -> int:
    """Bytes that PostgreSQL can count on: its limit, or less where the host is smaller.

    On a shared host, what both Redis instances may take is not PostgreSQL's.
    """
    settings = config.settings
    limit = settings.postgres.limits.memory
    if host is None:
        return limit
    others = settings.redis.limits.memory + settings.redis_durable.limits.memory
    return min(limit, max(host.memory - others, host.memory // 2))


def memory(config: Config, host: Host | None) -> dict[str, Desired]:
    """Memory and parallelism; the checklist's own numbers are floors (decisions, 17)."""
    postgres = config.settings.postgres
    have = budget(config, host)
    cpus = max(1, math.floor(min(postgres.limits.cpus, host.cpus if host else math.inf)))
    said = f"{format_size(have)} that PostgreSQL can count on"

    shared = max(postgres.shared_buffers, _whole(have // 4))
    cache = max(postgres.effective_cache_size, _whole(have * 3 // 4))
    work = min(max((have - shared) // (postgres.max_connections * 3), 4 * MB), 256 * MB)
    maintenance = min(max(have // 16, 64 * MB), 2 * GB)
    wal = min(max(shared // 32, MB), 16 * MB)
    return {
        "shared_buffers": Desired(
            format_size(shared),
            f"A quarter of the {said}, and no less than postgres.shared_buffers.",
        ),
        "effective_cache_size": Desired(
            format_size(cache),
            f"Three quarters of the {said}, and no less than postgres.effective_cache_size: "
            "what the planner may expect to find cached. Nothing is reserved.",
        ),
        "work_mem": Desired(
            format_size(_whole(work)),
            f"What shared_buffers leave of the {said}, shared by {postgres.max_connections} "
            "connections with three sorts or hashes each; 4MB at least.",
        ),
        "maintenance_work_mem": Desired(
            format_size(_whole(maintenance)),
            f"A sixteenth of the {said}, 64MB to 2GB: vacuums and index builds, pgvector's hnsw "
            "above all, are slow when they don't fit.",
        ),
        "wal_buffers": Desired(
            format_size(_whole(wal)), "A 32nd of shared_buffers, at most one WAL segment."
        ),
        "max_worker_processes": Desired(
            str(max(8, cpus)), "Room for parallel queries beside the extensions' own workers."
        ),
        "max_parallel_workers": Desired(
            str(cpus), f"One for each of the {cpus} usable processors."
        ),
        "max_parallel_workers_per_gather": Desired(
            str(min(4, max(1, cpus // 2))),
            "One query may take half of the processors, four at most.",
        ),
        "max_parallel_maintenance_workers": Desired(
            str(min(4, max(1, cpus // 2))), "An index build may take half of them, four at most."
        ),
    }


def _whole(size: int) -> int:
    """Rounded down to whole megabytes, as a person would have written it."""
    return max(size // MB, 1) * MB
