# ruff: noqa: ARG001 - every check takes the same two arguments
"""Who restarts the servers and polls their health: systemd, or rfdata's own agent."""

from __future__ import annotations

from collections.abc import Callable

from rfdata.checklist.item import Check, item, judge, not_applicable, withheld
from rfdata.checklist.servers import TITLE, of_server
from rfdata.checklist.words import age, duration
from rfdata.config.load import Config
from rfdata.model.facts import Facts, Server
from rfdata.model.verdict import Verdict

SLOWEST = 10.0
LONGEST_WAIT = 5.0
MOST_RETRIES = 5
START_PERIOD = (10.0, 30.0)
"""Seconds and attempts of the checklist's sections 2, 3 and 5."""
STALE = 3
"""Polls that may be missed before a health record counts as old."""


@item(
    "host.watch_alive",
    severity="critical",
    remedy="rfdata up starts it",
    host=True,
)
def alive(config: Config, facts: Facts) -> Verdict:
    """Without it a server that died at night is found by the first user of the morning."""
    found = facts.host.watch
    actual = f"{found.value.by}, {'alive' if found.value.alive else 'not alive'}"
    return judge(
        found.value.alive and found.value.by != "nobody",
        "somebody watches: systemd or the agent",
        actual,
        found,
    )


@item(
    "host.watch_current",
    severity="medium",
    remedy="rfdata up starts it anew",
    host=True,
)
def current(config: Config, facts: Facts) -> Verdict:
    """A watch from before the last change keeps servers to yesterday's settings, or misses one."""
    found = facts.host.watch
    return judge(
        found.value.current,
        "it runs this version with these settings, for all three servers",
        "it does" if found.value.current else "it was started by another version or with others",
        found,
    )


@item(
    "host.watch_after_reboot",
    severity="high",
    remedy='on a host with systemd set native.watch = "systemd"; else run `rfdata up --yes` at boot',
    host=True,
)
def after_reboot(config: Config, facts: Facts) -> Verdict:
    """Kernels are updated: servers that don't come back by themselves stay down until someone looks."""
    found = facts.host.watch
    if not found.value.survives_reboot and found.value.by == "agent":
        return not_applicable("there is no systemd on this host: run `rfdata up --yes` at boot")
    actual = "started at boot" if found.value.survives_reboot else "not started at boot"
    return judge(found.value.survives_reboot, "started at boot", actual, found)


@item(
    "host.watch_interval",
    severity="medium",
    remedy="set health.interval in rfdata.toml (10s or less), then rfdata up",
    host=True,
)
def interval(config: Config, facts: Facts) -> Verdict:
    """The time between two looks is time in which nobody knows."""
    wanted = config.settings.health.interval
    found = facts.host.watch
    return judge(
        found.value.interval == wanted and wanted <= SLOWEST,
        f"every {duration(min(wanted, SLOWEST))}",
        f"every {duration(found.value.interval)}",
        found,
    )


@item(
    "host.watch_timeout",
    severity="medium",
    remedy="set health.timeout in rfdata.toml (5s or less), then rfdata up",
    host=True,
)
def timeout(config: Config, facts: Facts) -> Verdict:
    """A poll that waits for ever for a hanging server never reports that it hangs."""
    wanted = config.settings.health.timeout
    found = facts.host.watch
    return judge(
        found.value.timeout == wanted and wanted <= LONGEST_WAIT,
        f"gives up after {duration(min(wanted, LONGEST_WAIT))}",
        f"after {duration(found.value.timeout)}",
        found,
    )


@item(
    "host.watch_retries",
    severity="low",
    remedy="set health.retries in rfdata.toml (5 or less), then rfdata up",
    host=True,
)
def retries(config: Config, facts: Facts) -> Verdict:
    """One missed answer is no outage; a hundred are."""
    wanted = config.settings.health.retries
    found = facts.host.watch
    return judge(
        found.value.retries == wanted and wanted <= MOST_RETRIES,
        f"unhealthy after {min(wanted, MOST_RETRIES)} failures in a row",
        f"after {found.value.retries}",
        found,
    )


@item(
    "host.watch_start_period",
    severity="low",
    remedy="set health.start_period in rfdata.toml (10s to 30s), then rfdata up",
    host=True,
)
def start_period(config: Config, facts: Facts) -> Verdict:
    """A server that still replays its log must not be restarted for not answering yet."""
    wanted = config.settings.health.start_period
    found = facts.host.watch
    least, most = START_PERIOD
    return judge(
        found.value.start_period == wanted and least <= wanted <= most,
        f"{duration(min(max(wanted, least), most))} after a start",
        duration(found.value.start_period),
        found,
    )


def health(server: Server) -> Check:
    @item(
        f"host.{server}_health",
        severity="critical",
        remedy="see `rfdata status` and the end of the server's log; rfdata up restarts what is down",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """What the watch saw last, polling as a service would; an old record says nothing of now."""
        found = facts.host.watch
        record = found.value.health.get(server)
        if record is None:
            raise withheld(found, f"the watch has not polled {TITLE[server]} yet")
        settings = config.settings.health
        passed = (facts.gathered_at - record.checked_at).total_seconds()
        limit = STALE * settings.interval + settings.timeout
        state = "healthy" if record.healthy else "unhealthy"
        return judge(
            record.healthy and passed <= limit,
            f"healthy, seen within {duration(limit)}",
            f"{state}, seen {age(passed)} ago, {record.failures_in_a_row} failures in a row",
            found,
        )

    return check


PER_SERVER: tuple[Callable[[Server], Check], ...] = (health,)
