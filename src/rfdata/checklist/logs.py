# ruff: noqa: ARG001 - every check takes the same two arguments
"""What the servers write down, how much of it is kept, and what it says of the last start."""

from __future__ import annotations

from collections.abc import Callable

from rfdata.checklist.durability import is_on, setting
from rfdata.checklist.item import Check, item, judge, withheld
from rfdata.checklist.servers import (
    SECTION,
    external,
    of_server,
    redis_facts,
    server_settings,
)
from rfdata.checklist.words import bytes_of, count, duration, seconds_of, size
from rfdata.config.load import Config
from rfdata.model.fact import Fact
from rfdata.model.facts import Facts, LogState, Server
from rfdata.model.verdict import Verdict

SLACK = 1.1
"""A file is rotated after the line, or at the poll, that filled it."""
LONGEST_SILENCE = 1.0
"""Seconds a statement may take in production without being logged."""


@item(
    "postgres.log_statement",
    severity="medium",
    remedy='set postgres.log_statement = "ddl" in rfdata.toml, then rfdata up',
)
def log_statement(config: Config, facts: Facts) -> Verdict:
    """Who dropped the table, and when? Nothing else keeps it."""
    found = setting(facts, "log_statement")
    wanted = config.settings.postgres.log_statement
    if not external(config) and (not config.production or wanted != "none"):
        return judge(found.value.value == wanted, wanted, found.value.value, found)
    enough = ("ddl", "mod", "all") if config.production else ("none", "ddl", "mod", "all")
    return judge(found.value.value in enough, "ddl (or mod, all)", found.value.value, found)


@item(
    "postgres.log_min_duration_statement",
    severity="medium",
    remedy='set postgres.log_min_duration_statement = "1000ms" in rfdata.toml, then rfdata up',
)
def log_min_duration_statement(config: Config, facts: Facts) -> Verdict:
    """Slow queries are the first thing asked for, and can't be logged afterwards."""
    found = setting(facts, "log_min_duration_statement")
    live = seconds_of(found.value)
    wanted = config.settings.postgres.log_min_duration_statement
    actual = duration(live) if live >= 0 else "-1: off"
    if external(config):
        good = 0 <= live <= LONGEST_SILENCE or not config.production
        return judge(good, f"{duration(LONGEST_SILENCE)} or less", actual, found)
    least = min(wanted, LONGEST_SILENCE) if config.production else wanted
    return judge(live == least, f"statements of {duration(least)} or more", actual, found)


@item(
    "postgres.log_connections",
    severity="medium",
    remedy="rfdata up; by hand: ALTER SYSTEM SET log_connections = on; SELECT pg_reload_conf()",
)
def log_connections(config: Config, facts: Facts) -> Verdict:
    """After a break-in the first question is who was connected; log_statement doesn't tell."""
    return is_on(facts, "log_connections")


@item(
    "postgres.log_disconnections",
    severity="low",
    remedy="rfdata up; by hand: ALTER SYSTEM SET log_disconnections = on; SELECT pg_reload_conf()",
)
def log_disconnections(config: Config, facts: Facts) -> Verdict:
    """How long somebody stayed, and which service opens a connection for each query."""
    return is_on(facts, "log_disconnections")


@item(
    "postgres.log_line_prefix",
    severity="low",
    remedy="rfdata up; by hand: ALTER SYSTEM SET log_line_prefix = '%m [%p] user=%u db=%d client=%h '; SELECT pg_reload_conf()",
)
def log_line_prefix(config: Config, facts: Facts) -> Verdict:
    """A line without a time and a process can't be laid beside any other."""
    found = setting(facts, "log_line_prefix")
    text = found.value.value
    timed = any(sign in text for sign in ("%m", "%t", "%n"))
    return judge(
        timed and ("%p" in text or "%c" in text),
        "a time (%m) and the process (%p)",
        text or "empty",
        found,
    )


@item(
    "postgres.log_lock_waits",
    severity="low",
    remedy="rfdata up; by hand: ALTER SYSTEM SET log_lock_waits = on; SELECT pg_reload_conf()",
)
def log_lock_waits(config: Config, facts: Facts) -> Verdict:
    """Half of all "the database is slow" is someone waiting for someone else's lock."""
    return is_on(facts, "log_lock_waits")


@item(
    "postgres.logging_collector",
    severity="medium",
    remedy="rfdata up; by hand: ALTER SYSTEM SET logging_collector = on, then restart",
    host=True,
)
def logging_collector(config: Config, facts: Facts) -> Verdict:
    """Without it the log goes wherever the server's first terminal went: often nowhere."""
    return is_on(facts, "logging_collector")


@item(
    "postgres.log_rotation_size",
    severity="medium",
    remedy="set postgres.log.max_size in rfdata.toml, then rfdata up",
    host=True,
)
def log_rotation_size(config: Config, facts: Facts) -> Verdict:
    """A log in one piece is deleted in one piece, when the disk is full and it is needed most."""
    found = setting(facts, "log_rotation_size")
    wanted = config.settings.postgres.log.max_size
    live = bytes_of(found.value)
    return judge(
        0 < live <= wanted,
        f"a new file after {size(wanted)}",
        size(live) if live else "0: never",
        found,
    )


def log_size(server: Server) -> Check:
    @item(
        f"logs.{server}_size",
        severity="medium",
        remedy=f"set {SECTION[server]}.log.max_size in rfdata.toml; the watch rotates: rfdata up",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Files that grow without a limit fill the disk that the data needs."""
        found = _log(facts, server)
        limit = server_settings(config, server).log.max_size
        largest = max((file.size for file in found.value.files), default=0)
        return judge(
            bool(found.value.files) and largest <= limit * SLACK,
            f"files of {size(limit)} at most",
            f"the largest has {size(largest)}" if found.value.files else "there is no log",
            found,
        )

    return check


def log_files(server: Server) -> Check:
    @item(
        f"logs.{server}_files",
        severity="low",
        remedy=f"set {SECTION[server]}.log.max_files in rfdata.toml; the watch removes the oldest",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Rotation that keeps everything is no rotation; one that keeps nothing is no log."""
        found = _log(facts, server)
        limit = server_settings(config, server).log.max_files
        there = len(found.value.files)
        return judge(
            0 < there <= limit + 1,
            f"{count(limit, 'file')} at most, and the one that was just begun",
            count(there, "file"),
            found,
        )

    return check


def startup(server: Server) -> Check:
    @item(
        f"logs.{server}_startup",
        severity="high",
        remedy="mend what the lines name, then restart the server",
        host=True,
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """A server that came up complaining may run without its extension, its limits or its disk."""
        found = _log(facts, server)
        if not found.value.files:
            raise withheld(found, "there is no log file yet")
        lines = found.value.startup_errors
        level = "FATAL or PANIC" if server == "postgres" else "warning (#)"
        return judge(
            not lines,
            f"no {level} line since the last start",
            f"{count(len(lines), 'line')}: {lines[0]}" if lines else "none",
            found,
        )

    return check


PER_SERVER: tuple[Callable[[Server], Check], ...] = (log_size, log_files, startup)


def _log(facts: Facts, server: Server) -> Fact[LogState]:
    return facts.postgres.log if server == "postgres" else redis_facts(facts, server).log
