# ruff: noqa: ARG001 - every check takes the same two arguments
"""PostgreSQL's figures: connections, memory, checkpoints, time-outs."""

from __future__ import annotations

from collections.abc import Callable

from rfdata.checklist.durability import setting
from rfdata.checklist.item import item, judge, not_applicable
from rfdata.checklist.servers import external
from rfdata.checklist.words import bytes_of, duration, seconds_of, size
from rfdata.config.load import Config
from rfdata.model.facts import Facts, Setting
from rfdata.model.verdict import Verdict

MB = 1024**2
FLOORS = {
    "max_connections": 200,
    "shared_buffers": 256 * MB,
    "effective_cache_size": 768 * MB,
    "checkpoint_completion_target": 0.9,
}
"""The checklist's figures for production: the least, not the best (decisions, 17)."""

MOST_IN_USE = 0.8
"""The part of max_connections that may be taken at the moment of the check."""


@item(
    "postgres.max_connections",
    severity="medium",
    remedy="set postgres.max_connections in rfdata.toml (200 or more in production), then rfdata up",
)
def max_connections(config: Config, facts: Facts) -> Verdict:
    """Too few, and services are turned away at the busiest hour: "too many clients already"."""
    return _figure(config, facts, "max_connections", config.settings.postgres.max_connections)


@item(
    "postgres.shared_buffers",
    severity="medium",
    remedy="set postgres.shared_buffers in rfdata.toml (256MB or more in production), then rfdata up",
)
def shared_buffers(config: Config, facts: Facts) -> Verdict:
    """Too small, and every second query waits for the disk; it takes effect at a restart only."""
    return _figure(
        config, facts, "shared_buffers", config.settings.postgres.shared_buffers, bytes_of, size
    )


@item(
    "postgres.effective_cache_size",
    severity="low",
    remedy="set postgres.effective_cache_size in rfdata.toml (768MB or more in production)",
)
def effective_cache_size(config: Config, facts: Facts) -> Verdict:
    """The planner believes this figure: too small a one makes it shun indexes."""
    wanted = config.settings.postgres.effective_cache_size
    return _figure(config, facts, "effective_cache_size", wanted, bytes_of, size)


@item(
    "postgres.checkpoint_completion_target",
    severity="medium",
    remedy="set postgres.checkpoint_completion_target = 0.9 in rfdata.toml, then rfdata up",
)
def checkpoint_completion_target(config: Config, facts: Facts) -> Verdict:
    """A checkpoint that is written all at once stalls every other query."""
    wanted = config.settings.postgres.checkpoint_completion_target
    return _figure(config, facts, "checkpoint_completion_target", wanted)


@item(
    "postgres.reserved_connections",
    severity="medium",
    remedy="rfdata up; by hand: ALTER SYSTEM RESET superuser_reserved_connections, then restart",
)
def reserved_connections(config: Config, facts: Facts) -> Verdict:
    """When all connections are taken, the operator has to get in to free some."""
    found = setting(facts, "superuser_reserved_connections")
    return judge(
        int(found.value.value) >= 1,
        "at least 1 connection kept for the superuser",
        f"superuser_reserved_connections = {found.value.value}",
        found,
    )


@item(
    "postgres.connections_left",
    severity="high",
    remedy="find who holds them (SELECT usename, state, count(*) FROM pg_stat_activity GROUP BY 1, 2), "
    "pool them, or raise max_connections",
)
def connections_left(config: Config, facts: Facts) -> Verdict:
    """The next service to connect would be turned away."""
    found, most = facts.postgres.activity, setting(facts, "max_connections")
    limit = int(most.value.value)
    used = found.value.connections
    return judge(
        used <= limit * MOST_IN_USE,
        f"at most {limit * MOST_IN_USE:.0f} of {limit} connections in use ({MOST_IN_USE:.0%})",
        f"{used} in use",
        found,
        most,
    )


@item(
    "postgres.idle_in_transaction_timeout",
    severity="medium",
    remedy="set postgres.idle_in_transaction_session_timeout in rfdata.toml, for example 10min",
)
def idle_in_transaction_timeout(config: Config, facts: Facts) -> Verdict:
    """One forgotten BEGIN holds its locks and keeps vacuum from the whole database for days."""
    found = setting(facts, "idle_in_transaction_session_timeout")
    limit = seconds_of(found.value)
    return judge(
        0 < limit <= 86_400,
        "a limit, of a day at most",
        duration(limit) if limit else "0: no limit",
        found,
    )


@item(
    "postgres.memory_fits",
    severity="high",
    remedy="lower shared_buffers, or raise postgres.limits.memory, in rfdata.toml",
)
def memory_fits(config: Config, facts: Facts) -> Verdict:
    """Buffers that fill the memory limit leave none for queries: the kernel kills the server."""
    if external(config):
        return not_applicable("the memory that someone else's server has is not known here")
    found = setting(facts, "shared_buffers")
    limit = config.settings.postgres.limits.memory
    return judge(
        bytes_of(found.value) <= limit // 2,
        f"shared_buffers of {size(limit // 2)} at most, half of the limit of {size(limit)}",
        size(bytes_of(found.value)),
        found,
    )


@item(
    "postgres.pg_stat_statements_loaded",
    severity="medium",
    remedy="add pg_stat_statements to shared_preload_libraries, then restart",
)
def pg_stat_statements_loaded(config: Config, facts: Facts) -> Verdict:
    """Without it nobody can say which query is slow, and it takes a restart to begin asking."""
    found = setting(facts, "shared_preload_libraries")
    libraries = [name.strip(' "') for name in found.value.value.split(",")]
    return judge(
        "pg_stat_statements" in libraries,
        "pg_stat_statements among shared_preload_libraries",
        found.value.value or "none",
        found,
    )


@item(
    "postgres.pg_stat_statements",
    severity="low",
    remedy="CREATE EXTENSION pg_stat_statements; in the deployment's database (rfdata up does)",
)
def pg_stat_statements(config: Config, facts: Facts) -> Verdict:
    """The library counts, but the view to read it by is missing."""
    found = facts.postgres.extensions
    version = found.value.get("pg_stat_statements", "")
    return judge(bool(version), "extension created", version or "not created", found)


@item(
    "postgres.pgvector_available",
    severity="critical",
    remedy="install it for this server, for example apt-get install postgresql-16-pgvector",
)
def pgvector_available(config: Config, facts: Facts) -> Verdict:
    """Searching by meaning needs type vector: the schema can't even be created without it."""
    found = facts.postgres.extensions_available
    version = found.value.get("vector", "")
    return judge(
        bool(version), "pgvector's files with the server", version or "not installed", found
    )


@item(
    "postgres.pgvector",
    severity="high",
    remedy="CREATE EXTENSION vector; in the deployment's database (rfdata up does)",
)
def pgvector(config: Config, facts: Facts) -> Verdict:
    """Installed is not created: each database needs its own CREATE EXTENSION."""
    found = facts.postgres.extensions
    version = found.value.get("vector", "")
    return judge(bool(version), "extension vector created", version or "not created", found)


def _plain(row: Setting) -> float:
    return float(row.value)


def _figure(
    config: Config,
    facts: Facts,
    name: str,
    configured: float,
    read: Callable[[Setting], float] = _plain,
    show: Callable[[float], str] = "{:g}".format,
) -> Verdict:
    """The live figure is the configured one, and in production no less than the checklist's.

    With tuning = "auto", or set once more in [postgres.settings], it may be larger; someone else's
    server is only held to the checklist.
    """
    found = setting(facts, name)
    postgres = config.settings.postgres
    floor = FLOORS[name] if config.production else 0
    value = read(found.value)
    if external(config) or name in postgres.settings:
        return judge(value >= floor, f"{show(floor)} or more", show(value), found)
    least = max(configured, floor)
    if postgres.tuning == "auto":
        return judge(value >= least, f"{show(least)} or more", show(value), found)
    note = "" if configured >= floor else f"rfdata.toml asks for {show(configured)}"
    return judge(value == least, show(least), show(value), found, note=note)
