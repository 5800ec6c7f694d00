"""Steps for the servers themselves: initdb, limits, start, reload, restart, the watch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from rfdata.config.load import Config
from rfdata.config.quantities import format_size
from rfdata.errors import Unreachable, UsageError
from rfdata.model.facts import Facts, Limits, Server
from rfdata.model.plan import (
    InitDatabase,
    ReloadServer,
    ResetSetting,
    RestartServer,
    SetLimits,
    SetRedisSetting,
    StartServer,
    StartWatch,
    Step,
)
from rfdata.postgres import roles
from rfdata.postgres.settings import differences as postgres_differences
from rfdata.redis.acl import departures
from rfdata.redis.settings import differences as redis_differences
from rfdata.targets.base import Desired


@dataclass(frozen=True, slots=True)
class Changed:
    """What the steps before have changed for a server."""

    files: frozenset[Path]
    certificate: bool


def initdb(desired: Desired, facts: Facts) -> Iterator[Step]:
    data = facts.host.data["postgres"]
    if data.value.exists:
        return
    yield Step(
        "processes",
        f"initdb: make a new database cluster in {data.read_from}",
        "none needed: it is empty",
        InitDatabase(desired.initdb_arguments),
        tuple(f"+ {argument}" for argument in desired.initdb_arguments),
    )


def limits(desired: Desired, facts: Facts, server: Server) -> Iterator[Step]:
    """Limits of a server that runs; one that doesn't gets them when it starts."""
    wanted = desired.limits.get(server)
    if wanted is None or not running(facts, server):
        return
    now = facts.host.limits[server].value
    if now != wanted:
        yield Step(
            "settings",
            f"limit {server} to {_limits_text(wanted)}",
            f"limit {server} to {_limits_text(now)}",
            SetLimits(server, wanted),
            (f"- {_limits_text(now)}", f"+ {_limits_text(wanted)}"),
        )


def _limits_text(limits: Limits | None) -> str:
    if limits is None or limits == Limits(None, None, None):
        return "nothing"
    memory = "any memory" if limits.memory is None else f"{format_size(limits.memory)} memory"
    kept = (
        ""
        if limits.memory_reservation is None
        else f" ({format_size(limits.memory_reservation)} kept)"
    )
    return f"{limits.cpus or 'all'} CPUs, {memory}{kept}"


def bring_up(
    config: Config, desired: Desired, facts: Facts, server: Server, changed: Changed
) -> Iterator[Step]:
    """Start what is stopped; reload or restart what runs and is not as desired."""
    if not running(facts, server):
        yield _start(server, desired.limits.get(server))
    elif elsewhere(config, facts, server):
        yield _restart(server, "it listens on another port than the configured one")
    elif server == "postgres":
        yield from _postgres(desired, facts, changed)
    else:
        yield from _redis(desired, facts, server, changed)


def inside(config: Config, facts: Facts) -> Iterator[Step]:
    """Roles, database, extensions and rights.

    What is inside a stopped server, or one at another port, can't be seen: once it runs as it
    should, a second plan follows.
    """
    if running(facts, "postgres"):
        if not elsewhere(config, facts, "postgres"):
            yield from roles.steps(config, facts.postgres)
    elif not facts.host.data["postgres"].value.exists:
        yield from roles.steps(config, None)


def _redis(desired: Desired, facts: Facts, server: Server, changed: Changed) -> Iterator[Step]:
    found = facts.redis if server == "redis" else facts.redis_durable
    if not found.admitted.value:
        yield _restart(server, "it answers, but does not let rfdata in; it takes up its users anew")
        return
    changes = redis_differences(desired.redis[server], found.settings.value)
    restart = [change for change in changes if change.effect == "restart"]
    for change in changes:
        if change.effect == "set":
            yield Step(
                "settings",
                f"{server}: set {change.name} = {change.after}, live (CONFIG SET)",
                f"set {change.name} = {change.before}",
                SetRedisSetting(server, change.name, change.after),
                _change_lines(change.name, change.before, change.after),
            )
    if restart:
        why = _fixed(change.name for change in restart)
        lines = (_change_lines(change.name, change.before, change.after) for change in restart)
        yield _restart(server, why, lines)
    elif (
        changed.certificate
        or desired.acl_files[server] in changed.files
        or departures(found.acl.value)
        or _stale(facts, server)
    ):
        yield _reload(server, "takes up users and certificates; connections stay")


def _postgres(desired: Desired, facts: Facts, changed: Changed) -> Iterator[Step]:
    changes = postgres_differences(desired.postgres, facts.postgres.settings.value)
    if recreate := [change for change in changes if change.effect == "recreate"]:
        listed = ", ".join(f"{c.name} ({c.old} -> {c.new})" for c in recreate)
        raise UsageError(
            f"settings that only a new database cluster can have: {listed}",
            hint="dump, make a new deployment with these settings, restore into it",
        )
    for change in changes:
        if change.overridden:
            yield Step(
                "settings",
                f"postgres: take back ALTER SYSTEM SET {change.name} (= {change.old})",
                f"ALTER SYSTEM SET {change.name} = '{change.old}'",
                ResetSetting(change.name),
            )
    lines = tuple(_change_lines(change.name, change.old, change.new) for change in changes)
    if restart := [change.name for change in changes if change.effect == "restart"]:
        yield _restart("postgres", _fixed(restart), lines)
    elif (
        changes
        or changed.certificate
        or any(file.path in changed.files for file in desired.data_files)
        or _stale(facts, "postgres")
        or facts.postgres.config_errors.value
    ):
        yield _reload("postgres", "takes up settings, access rules and certificates", lines)


def elsewhere(config: Config, facts: Facts, server: Server) -> bool:
    """Whether nobody listens on a running server's configured port: it still has an older one."""
    settings = config.settings
    port = {
        "postgres": settings.postgres.port,
        "redis": settings.redis.port,
        "redis-durable": settings.redis_durable.port,
    }[server]
    return all(listener.port != port for listener in facts.host.listeners.value)


def _stale(facts: Facts, server: Server) -> bool:
    served, stored = facts.certs.served[server].content, facts.certs.on_disk[server].content
    return bool(served and stored and served.fingerprint != stored.fingerprint)


def _start(server: Server, limited: Limits | None) -> Step:
    detail = (f"+ limited to {_limits_text(limited)}",) if limited else ()
    return Step("processes", f"start {server}", "`rfdata down`", StartServer(server), detail)


def _change_lines(name: str, old: str, new: str) -> tuple[str, str]:
    return f"- {name} = {old}", f"+ {name} = {new}"


def _fixed(names: Iterable[str]) -> str:
    return f"{', '.join(names)} can't change while it runs"


def _restart(server: Server, why: str, lines: Iterable[tuple[str, ...]] = ()) -> Step:
    return Step(
        "processes",
        f"RESTART {server}, connections are cut: {why}",
        "change the settings back and run `rfdata up`",
        RestartServer(server),
        tuple(chain.from_iterable(lines)),
    )


def _reload(server: Server, why: str, lines: Iterable[tuple[str, ...]] = ()) -> Step:
    return Step(
        "settings",
        f"reload {server}: it {why}",
        "none needed",
        ReloadServer(server),
        tuple(chain.from_iterable(lines)),
    )


def watch(facts: Facts, *, changing: bool) -> Iterator[Step]:
    """Whoever watches the servers has to be alive and to know this version and these settings."""
    found = facts.host.watch.value
    if found.alive and found.current:
        return
    if found.alive:
        summary = "restart the watch: it still has an older version or older settings"
    elif changing:
        summary = "start the watch: nobody watches the servers yet"
    else:
        summary = "start the watch: whoever watched the servers has ended"
    yield Step("processes", summary, "`rfdata down`", StartWatch())


def running(facts: Facts, server: Server) -> bool:
    found = facts.host.processes[server]
    if found.content is None:
        raise Unreachable(f"{server}: whether it runs could not be read ({found.trouble})")
    return found.content != "stopped"
