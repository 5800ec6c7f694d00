"""CPU and memory as the kernel hands them out, read from the servers' own control groups."""

from __future__ import annotations

from collections.abc import Callable

from rfdata.checklist.item import Check, item, judge, not_applicable
from rfdata.checklist.servers import SECTION, of_server, server_settings
from rfdata.checklist.words import size
from rfdata.config.load import Config
from rfdata.model.facts import Facts, Server
from rfdata.model.verdict import Verdict

IMPOSSIBLE = "this host lets us set no limits: neither systemd nor writable control groups"
TIGHTER = "the machine or container around it allows less than rfdata.toml does"
PAGE = 65536
"""Bytes: the kernel rounds to pages, the largest of which have this size."""


def cpu_limit(server: Server) -> Check:
    @item(
        f"host.{server}_cpu_limit",
        severity="medium",
        remedy=f"set {SECTION[server]}.limits.cpus in rfdata.toml, then rfdata up",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """One server that goes wild takes the others' processor time as well."""
        if not facts.host.limits_possible.value:
            return not_applicable(IMPOSSIBLE)
        found = facts.host.limits[server]
        live, wanted = found.value.cpus, server_settings(config, server).limits.cpus
        return judge(
            live is not None and live <= wanted + 0.001,
            f"{wanted:g} CPUs at most",
            f"{live:g} CPUs" if live is not None else "no limit",
            found,
            note=TIGHTER if live is not None and live < wanted - 0.001 else "",
        )

    return check


def memory_limit(server: Server) -> Check:
    @item(
        f"host.{server}_memory_limit",
        severity="medium",
        remedy=f"set {SECTION[server]}.limits.memory in rfdata.toml, then rfdata up",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Without a limit, the kernel may kill PostgreSQL because Redis grew, or the other way."""
        if not facts.host.limits_possible.value:
            return not_applicable(IMPOSSIBLE)
        found = facts.host.limits[server]
        live, wanted = found.value.memory, server_settings(config, server).limits.memory
        return judge(
            live is not None and live <= wanted,
            f"{size(wanted)} at most",
            size(live) if live is not None else "no limit",
            found,
            note=TIGHTER if live is not None and live < wanted - PAGE else "",
        )

    return check


def memory_reservation(server: Server) -> Check:
    @item(
        f"host.{server}_memory_reservation",
        severity="low",
        remedy=f"set {SECTION[server]}.limits.memory_reservation in rfdata.toml, then rfdata up",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """When memory gets short, what is reserved is the last to be taken away."""
        if not facts.host.limits_possible.value:
            return not_applicable(IMPOSSIBLE)
        found = facts.host.limits[server]
        live = found.value.memory_reservation
        wanted = server_settings(config, server).limits.memory_reservation
        return judge(
            live is not None and live >= wanted - PAGE,
            f"{size(wanted)} or more kept for it",
            size(live) if live is not None else "nothing reserved",
            found,
        )

    return check


@item(
    "host.memory_suffices",
    severity="high",
    remedy="use a larger host, or lower the reservations and maxmemory in rfdata.toml",
    host=True,
)
def memory_suffices(config: Config, facts: Facts) -> Verdict:
    """Promises that add up to more than the host has are broken at the busiest hour."""
    settings = config.settings
    wanted = sum(
        section.limits.memory_reservation
        for section in (settings.postgres, settings.redis, settings.redis_durable)
    )
    found = facts.host.memory
    return judge(
        found.value >= wanted,
        f"{size(wanted)} or more: the three reservations together",
        size(found.value),
        found,
    )


PER_SERVER: tuple[Callable[[Server], Check], ...] = (cpu_limit, memory_limit, memory_reservation)
