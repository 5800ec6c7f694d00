"""The verb `status`: one screen of what runs, read from the live layer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from rfdata.config.load import Config
from rfdata.config.schema import Postgres, Redis
from rfdata.evidence import log
from rfdata.model.fact import now
from rfdata.model.facts import SERVERS, Facts, RedisFacts, Server
from rfdata.targets.deployment import evidence_folder

_URLS: dict[Server, str] = {
    "postgres": "DATABASE_URL",
    "redis": "REDIS_URL",
    "redis-durable": "REDIS_DURABLE_URL",
}


@dataclass(frozen=True)
class ServerRow:
    """One server. None stands for what could not be read."""

    server: Server
    address: str
    running: bool | None
    reached: bool
    version: str | None
    origin: str | None
    up_seconds: float | None
    connections: int | None
    connections_limit: int | None
    memory: int | None
    """Resident bytes of the whole process family; Redis: used_memory where that is all we see."""
    memory_limit: int | None
    certificate_days: int | None
    trouble: str


@dataclass(frozen=True)
class Picture:
    deployment: str
    profile: str
    target: str
    watch: str
    servers: tuple[ServerRow, ...]
    last_backup: str
    verified_at: datetime | None
    totals: dict[str, int]
    """Lines per outcome of the last verification."""
    all_reached: bool


def read(config: Config, facts: Facts) -> Picture:
    """Put facts and the last verification into one picture."""
    rows = tuple(_row(config, facts, server) for server in SERVERS)
    verified = log.newest(evidence_folder(config), "verified")
    watch = facts.host.watch.content
    return Picture(
        deployment=config.settings.deployment.name,
        profile=config.profile,
        target=config.target,
        watch="not known"
        if watch is None
        else f"{watch.by}{'' if watch.alive else ' (not alive)'}",
        servers=rows,
        last_backup="pending: backups come with a later version",
        verified_at=verified.at if verified else None,
        totals=dict(verified.data["summary"]) if verified else {},
        all_reached=all(row.reached for row in rows),
    )


def to_json(picture: Picture) -> dict[str, Any]:
    """The picture as plain JSON."""
    found = asdict(picture)
    found["verified_at"] = picture.verified_at.isoformat() if picture.verified_at else None
    return {"schema": "rfdata/status/1", **found}


def _row(config: Config, facts: Facts, server: Server) -> ServerRow:
    settings = config.settings
    places: dict[Server, Postgres | Redis] = {
        "postgres": settings.postgres,
        "redis": settings.redis,
        "redis-durable": settings.redis_durable,
    }
    place = places[server]
    process, programs = facts.host.processes[server].content, facts.host.programs[server].content
    limits = facts.host.limits[server].content
    login = _login(facts, server)
    urls = facts.env.urls.content or {}
    given = urls.get(_URLS[server]) if config.target == "external" else None
    host, port = (given.host, given.port) if given else (place.host, place.port)
    served = facts.certs.served[server].content
    running = None if process is None else process != "stopped"
    row = _postgres(facts) if server == "postgres" else _redis(_redis_facts(facts, server))
    family = process.resident_bytes if process is not None and process != "stopped" else None
    return ServerRow(
        server=server,
        address=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        running=running,
        reached=login.content is not None and login.content.accepted,
        version=row[0] or (programs.version if programs else None),
        origin=programs.origin if programs else None,
        up_seconds=row[1],
        connections=row[2],
        connections_limit=row[3],
        memory=family if family is not None else row[4],
        memory_limit=limits.memory if limits else None,
        certificate_days=(served.not_after - now()).days if served else None,
        trouble=login.trouble
        or ("" if login.content and login.content.accepted else "login refused"),
    )


_Figures = tuple[str | None, float | None, int | None, int | None, int | None]


def _postgres(facts: Facts) -> _Figures:
    server, activity = facts.postgres.server.content, facts.postgres.activity.content
    settings = facts.postgres.settings.content
    limit = (
        int(settings["max_connections"].value)
        if settings and "max_connections" in settings
        else None
    )
    return (
        server.version if server else None,
        (now() - server.started_at).total_seconds() if server else None,
        activity.connections if activity else None,
        limit,
        None,
    )


def _redis(facts: RedisFacts) -> _Figures:
    info = facts.info.content
    if info is None:
        return (None, None, None, None, None)
    return (
        info.get("redis_version"),
        _number(info.get("uptime_in_seconds")),
        _number(info.get("connected_clients")),
        _number(info.get("maxclients")),
        _number(info.get("used_memory")),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None


def _redis_facts(facts: Facts, server: Server) -> RedisFacts:
    return facts.redis if server == "redis" else facts.redis_durable


def _login(facts: Facts, server: Server) -> Any:
    probes = facts.postgres.probes if server == "postgres" else _redis_facts(facts, server).probes
    return probes.login
