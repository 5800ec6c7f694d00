# ruff: noqa: ARG001 - every check takes the same two arguments
"""Both Redis servers: version, memory, databases. Each rule is a factory that takes the server."""

from __future__ import annotations

from collections.abc import Callable

from rfdata.checklist.item import Check, expect, item, judge, part
from rfdata.checklist.servers import (
    SECTION,
    RedisServer,
    external,
    limits_of,
    of_server,
    redis_facts,
    redis_settings,
)
from rfdata.checklist.words import size
from rfdata.config.load import Config
from rfdata.model.fact import Fact
from rfdata.model.facts import Facts
from rfdata.model.verdict import Verdict

GB = 1024**3
HEADROOM = 1.25
"""How much larger than maxmemory the memory limit has to be (decisions, 4)."""
MOST_USED = 0.9
"""The part of maxmemory that a server which never evicts may have filled."""
EVICTING = ("allkeys-lru", "allkeys-lfu")


def setting(facts: Facts, server: RedisServer, name: str) -> Fact[str]:
    """One answer of CONFIG GET."""
    return part(redis_facts(facts, server).settings, name)


def info(facts: Facts, server: RedisServer, name: str) -> Fact[str]:
    """One line of INFO."""
    return part(redis_facts(facts, server).info, name)


def version(server: RedisServer) -> Check:
    @item(
        f"{server}.version",
        severity="high",
        remedy="install Redis 7 or newer, for example apt-get install redis-server",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Redis 6 has no safe multi-part AOF, and its ACLs can't be restricted to subcommands."""
        found = info(facts, server, "redis_version")
        major = int(found.value.partition(".")[0])
        return judge(major >= 7, "Redis 7 or newer", found.value, found)

    return check


def maxmemory(server: RedisServer) -> Check:
    @item(
        f"{server}.maxmemory",
        severity="high",
        remedy=f"set {SECTION[server]}.maxmemory in rfdata.toml, then rfdata up (CONFIG SET at once)",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Without a limit of its own Redis grows until the kernel kills it, with all that is in it."""
        found = setting(facts, server, "maxmemory")
        configured = redis_settings(config, server).maxmemory
        floor = GB if config.production else 2 * GB if server == "redis" else 0
        live = int(found.value)
        actual = size(live) if live else "0: no limit"
        if external(config):
            return judge(live >= max(floor, 1), f"{size(floor)} or more", actual, found)
        note = "" if configured >= floor else f"rfdata.toml asks for {size(configured)}"
        least = max(configured, floor)
        return judge(live == least, size(least), actual, found, note=note)

    return check


def maxmemory_policy(server: RedisServer) -> Check:
    @item(
        f"{server}.maxmemory_policy",
        severity="high",
        remedy=f"set {SECTION[server]}.maxmemory_policy in rfdata.toml, then rfdata up",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """The policy decides whether a full server forgets, and what, or refuses to write."""
        found = setting(facts, server, "maxmemory-policy")
        return expect(redis_settings(config, server).maxmemory_policy, found)

    return check


@item(
    "redis.evicts",
    severity="high",
    remedy='set redis.maxmemory_policy = "allkeys-lru" in rfdata.toml, then rfdata up',
)
def cache_evicts(config: Config, facts: Facts) -> Verdict:
    """A cache that can't drop its oldest entries refuses every write once it is full."""
    found = setting(facts, "redis", "maxmemory-policy")
    return judge(found.value in EVICTING, "allkeys-lru (or allkeys-lfu)", found.value, found)


@item(
    "redis-durable.never_evicts",
    severity="critical",
    remedy='set redis_durable.maxmemory_policy = "noeviction" in rfdata.toml, then rfdata up',
)
@of_server("redis-durable")
def durable_never_evicts(config: Config, facts: Facts) -> Verdict:
    """Queues, sessions and documents vanish without a word as soon as memory is short."""
    return expect("noeviction", setting(facts, "redis-durable", "maxmemory-policy"))


@item(
    "redis-durable.nothing_evicted",
    severity="critical",
    remedy="raise redis_durable.maxmemory, set noeviction, and restore what was lost from a backup",
)
@of_server("redis-durable")
def durable_nothing_evicted(config: Config, facts: Facts) -> Verdict:
    """Each evicted key was a job, a session or a document of somebody's."""
    found = info(facts, "redis-durable", "evicted_keys")
    return judge(found.value == "0", "0 keys evicted since the start", found.value, found)


@item(
    "redis-durable.memory_left",
    severity="high",
    remedy="find what grows (redis-cli --bigkeys), expire it, or raise redis_durable.maxmemory",
)
@of_server("redis-durable")
def durable_memory_left(config: Config, facts: Facts) -> Verdict:
    """At maxmemory this server refuses every write: "OOM command not allowed"."""
    used, most = (
        info(facts, "redis-durable", "used_memory"),
        setting(facts, "redis-durable", "maxmemory"),
    )
    limit, taken = int(most.value), int(used.value)
    if not limit:
        return judge(False, "a limit to be measured against", "maxmemory 0: no limit", used, most)
    return judge(
        taken <= limit * MOST_USED,
        f"at most {size(limit * MOST_USED)} in use ({MOST_USED:.0%} of maxmemory)",
        f"{size(taken)} in use",
        used,
        most,
    )


def memory_headroom(server: RedisServer) -> Check:
    @item(
        f"{server}.memory_headroom",
        severity="high",
        remedy=f"raise {SECTION[server]}.limits.memory to 1.25 times maxmemory or more, or lower maxmemory",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """A fork for the AOF rewrite and client buffers come on top of maxmemory: the kernel kills it."""
        most = setting(facts, server, "maxmemory")
        limits, host = limits_of(facts, server), facts.host.memory
        wanted = redis_settings(config, server).limits.memory
        limit = min(limits.value.memory or wanted, host.value)
        needed = int(int(most.value) * HEADROOM)
        return judge(
            limit >= needed,
            f"a memory limit of {size(needed)} or more for a maxmemory of {size(int(most.value))}",
            size(limit),
            most,
            limits,
            host,
        )

    return check


def loaded(server: RedisServer) -> Check:
    @item(
        f"{server}.loaded",
        severity="high",
        remedy="wait until it has read its data; if it takes long, rewrite the AOF more often",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """While it reads its data from disk, every command is answered with LOADING."""
        found = info(facts, server, "loading")
        return judge(found.value == "0", "all data loaded", f"loading:{found.value}", found)

    return check


def primary(server: RedisServer) -> Check:
    @item(
        f"{server}.primary",
        severity="high",
        remedy="REPLICAOF NO ONE, or let services connect to the primary",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """A replica takes no writes, and whatever its primary does happens to it as well."""
        return expect("master", info(facts, server, "role"))

    return check


def databases(server: RedisServer) -> Check:
    @item(
        f"{server}.databases",
        severity="medium",
        remedy="set databases 2 or more in redis.conf and restart; let the ACL allow SELECT",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """The collab service keeps to database 1: where SELECT 1 fails, it doesn't start."""
        found = redis_facts(facts, server).databases
        shown = ", ".join(str(number) for number in sorted(found.value)) or "none"
        return judge(found.value >= {0, 1}, "databases 0 and 1", shown, found)

    return check


RULES: tuple[Callable[[RedisServer], Check], ...] = (
    version,
    maxmemory,
    maxmemory_policy,
    memory_headroom,
    loaded,
    primary,
    databases,
)
