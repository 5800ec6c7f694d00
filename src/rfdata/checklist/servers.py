"""The three servers seen the same way, and what the target and profile change about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, Literal, cast

from rfdata.checklist.item import Rule, not_applicable
from rfdata.config.load import Config
from rfdata.config.schema import Postgres, Redis
from rfdata.model.fact import Fact
from rfdata.model.facts import Facts, Limits, Probes, RedisFacts, Server
from rfdata.model.verdict import Verdict
from rfdata.secrets import Secret

RedisServer = Literal["redis", "redis-durable"]
REDIS: tuple[RedisServer, ...] = ("redis", "redis-durable")

TITLE: dict[Server, str] = {
    "postgres": "PostgreSQL",
    "redis": "Redis",
    "redis-durable": "the durable Redis",
}
PREFIX: dict[Server, str] = {
    "postgres": "POSTGRES",
    "redis": "REDIS",
    "redis-durable": "REDIS_DURABLE",
}
"""How the names of a server's variables in .env begin."""
URL: dict[Server, str] = {
    "postgres": "DATABASE_URL",
    "redis": "REDIS_URL",
    "redis-durable": "REDIS_DURABLE_URL",
}
SECTION: dict[Server, str] = {
    "postgres": "postgres",
    "redis": "redis",
    "redis-durable": "redis_durable",
}
"""A server's section of rfdata.toml."""

NO_DURABLE = "REDIS_DURABLE_URL is not set, so there is no durable Redis to look at"
TLS_OPTIONAL = "in the dev profile, someone else's server may go without TLS"


def external(config: Config) -> bool:
    return config.target == "external"


def tls_optional(config: Config) -> bool:
    """Development on servers that someone else set up; ours have TLS in both profiles."""
    return external(config) and not config.production


def redis_facts(facts: Facts, server: RedisServer) -> RedisFacts:
    return facts.redis if server == "redis" else facts.redis_durable


def redis_settings(config: Config, server: RedisServer) -> Redis:
    return config.settings.redis if server == "redis" else config.settings.redis_durable


def server_settings(config: Config, server: Server) -> Postgres | Redis:
    if server == "postgres":
        return config.settings.postgres
    return redis_settings(config, server)


def probes(facts: Facts, server: Server) -> Probes:
    if server == "postgres":
        return facts.postgres.probes
    return redis_facts(facts, server).probes


def host_of(config: Config, facts: Facts, server: Server) -> str:
    """The name that clients verify the server's certificate against."""
    if external(config):
        return facts.env.urls.value[URL[server]].host
    return server_settings(config, server).host


def limits_of(facts: Facts, server: Server) -> Fact[Limits]:
    """What the kernel enforces for a server; where the host allows no limits, that there are none."""
    possible = facts.host.limits_possible
    if possible.value:
        return facts.host.limits[server]
    return replace(cast(Fact[Any], possible), content=Limits(None, None, None))


def is_set(config: Config, variable: str) -> bool:
    """.env gives the variable a value."""
    return bool(len(config.env.get(variable, Secret(""))))


def absent(config: Config, server: Server) -> bool:
    """Someone else's layer may have one Redis only; ours always has both."""
    return server == "redis-durable" and external(config) and not is_set(config, URL[server])


def of_server(server: Server, *, tls: bool = False) -> Callable[[Rule], Rule]:
    """Skip a rule where its server isn't part of the layer, or (tls) where TLS is optional."""

    def wrap(rule: Rule) -> Rule:
        @wraps(rule)
        def check(config: Config, facts: Facts) -> Verdict:
            if absent(config, server):
                return not_applicable(NO_DURABLE)
            if tls and tls_optional(config):
                return not_applicable(TLS_OPTIONAL)
            return rule(config, facts)

        return check

    return wrap
