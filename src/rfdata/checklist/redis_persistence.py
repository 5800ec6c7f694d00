# ruff: noqa: ARG001 - every check takes the same two arguments
"""What of Redis survives a restart: the append-only file and snapshots."""

from __future__ import annotations

from collections.abc import Callable

from rfdata.checklist.item import Check, expect, item, judge, not_applicable
from rfdata.checklist.redis import info, setting
from rfdata.checklist.servers import RedisServer, external, of_server, redis_settings
from rfdata.config.load import Config
from rfdata.model.facts import Facts
from rfdata.model.verdict import Severity, Verdict


def appendonly(server: RedisServer) -> Check:
    @item(
        f"{server}.appendonly",
        severity="high" if server == "redis" else "critical",
        remedy="CONFIG SET appendonly yes, and the same in redis.conf (rfdata up does both)",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Without the append-only file, a restart empties the server or sets it back by hours."""
        if external(config) and not config.production and server == "redis":
            return not_applicable("asked for in production only")
        return expect("yes", setting(facts, server, "appendonly"))

    return check


def appendfsync(server: RedisServer) -> Check:
    severity: Severity = "high" if server == "redis" else "critical"

    @item(
        f"{server}.appendfsync",
        severity=severity,
        remedy="CONFIG SET appendfsync always (durable) or everysec (cache); rfdata up does",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """It decides how many confirmed writes a power cut takes back: none, a second's, or many."""
        found = setting(facts, server, "appendfsync")
        if server == "redis-durable":
            return expect("always", found)
        if external(config):
            return judge(found.value != "no", "everysec or always", found.value, found)
        wanted = redis_settings(config, server).appendfsync
        return judge(found.value == wanted and wanted != "no", wanted, found.value, found)

    return check


def fsync_during_rewrite(server: RedisServer) -> Check:
    @item(
        f"{server}.fsync_during_rewrite",
        severity="medium",
        remedy="CONFIG SET no-appendfsync-on-rewrite no, and CONFIG REWRITE",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """With it on, nothing is made durable for as long as a rewrite takes: minutes of writes."""
        found = setting(facts, server, "no-appendfsync-on-rewrite")
        return judge(
            found.value == "no",
            "no-appendfsync-on-rewrite no",
            f"no-appendfsync-on-rewrite {found.value}",
            found,
        )

    return check


def aof_healthy(server: RedisServer) -> Check:
    @item(
        f"{server}.aof_healthy",
        severity="critical",
        remedy="look for the reason in the server's log (most often a full disk), then BGREWRITEAOF",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """A setting says that writes are kept; this says whether they are."""
        names = ("aof_enabled", "aof_last_write_status", "aof_last_bgrewrite_status")
        found = [info(facts, server, name) for name in names]
        if found[0].value != "1" and external(config) and not config.production:
            return not_applicable("there is no append-only file, which only production asks for")
        values = [fact.value for fact in found]
        return judge(
            values == ["1", "ok", "ok"],
            "enabled, last write ok, last rewrite ok",
            f"{'enabled' if values[0] == '1' else 'disabled'}, last write {values[1]}, "
            f"last rewrite {values[2]}",
            *found,
        )

    return check


def snapshot_healthy(server: RedisServer) -> Check:
    @item(
        f"{server}.snapshot_healthy",
        severity="high",
        remedy="look for the reason in the server's log (disk full, fork refused), then BGSAVE",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """A server whose snapshot failed refuses writes, and its backup is an old one."""
        return expect("ok", info(facts, server, "rdb_last_bgsave_status"))

    return check


RULES: tuple[Callable[[RedisServer], Check], ...] = (
    appendonly,
    appendfsync,
    fsync_during_rewrite,
    aof_healthy,
    snapshot_healthy,
)
