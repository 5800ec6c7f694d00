# ruff: noqa: ARG001 - every check takes the same two arguments
"""What keeps committed rows: checksums, fsync, and a write-ahead log that can be archived."""

from __future__ import annotations

from rfdata.checklist.item import item, judge, part
from rfdata.checklist.words import bytes_of, size
from rfdata.config.load import Config
from rfdata.model.fact import Fact
from rfdata.model.facts import Facts, Setting
from rfdata.model.verdict import Verdict


def setting(facts: Facts, name: str) -> Fact[Setting]:
    """One row of pg_settings."""
    return part(facts.postgres.settings, name)


def is_on(facts: Facts, name: str) -> Verdict:
    """A boolean setting that has to be on."""
    found = setting(facts, name)
    return judge(found.value.value == "on", f"{name} = on", f"{name} = {found.value.value}", found)


def at_least(facts: Facts, name: str, least: int, why: str = "") -> Verdict:
    """A count that has to reach a number."""
    found = setting(facts, name)
    number = int(found.value.value)
    return judge(number >= least, f"{name} of {least} or more{why}", f"{name} = {number}", found)


@item(
    "postgres.checksums",
    severity="high",
    remedy="initdb with --data-checksums, or pg_checksums --enable while the server is stopped",
)
def checksums(config: Config, facts: Facts) -> Verdict:
    """Without checksums, silent corruption reaches the backups unseen."""
    return is_on(facts, "data_checksums")


@item(
    "postgres.fsync",
    severity="critical",
    remedy="rfdata up; by hand: ALTER SYSTEM RESET fsync; SELECT pg_reload_conf()",
)
def fsync(config: Config, facts: Facts) -> Verdict:
    """With fsync off, a power cut can leave a cluster that never starts again."""
    return is_on(facts, "fsync")


@item(
    "postgres.full_page_writes",
    severity="critical",
    remedy="rfdata up; by hand: ALTER SYSTEM RESET full_page_writes; SELECT pg_reload_conf()",
)
def full_page_writes(config: Config, facts: Facts) -> Verdict:
    """A page half-written at a crash can only be mended from its full image in the WAL."""
    return is_on(facts, "full_page_writes")


@item(
    "postgres.synchronous_commit",
    severity="high",
    remedy="rfdata up; by hand: ALTER SYSTEM RESET synchronous_commit; switch it off per transaction where loss is fine",
)
def synchronous_commit(config: Config, facts: Facts) -> Verdict:
    """When it is off, a crash takes back transactions that were already confirmed to the user."""
    found = setting(facts, "synchronous_commit")
    return judge(
        found.value.value != "off",
        "synchronous_commit other than off",
        f"synchronous_commit = {found.value.value}",
        found,
    )


@item(
    "postgres.wal_level",
    severity="high",
    remedy="rfdata up; by hand: ALTER SYSTEM SET wal_level = 'replica', then restart",
)
def wal_level(config: Config, facts: Facts) -> Verdict:
    """A minimal WAL can't be archived or replayed: no base backup, no point-in-time recovery."""
    found = setting(facts, "wal_level")
    return judge(
        found.value.value in ("replica", "logical"),
        "wal_level = replica (or logical)",
        f"wal_level = {found.value.value}",
        found,
    )


@item(
    "postgres.wal_senders",
    severity="medium",
    remedy="rfdata up; by hand: ALTER SYSTEM SET max_wal_senders = 10, then restart",
)
def wal_senders(config: Config, facts: Facts) -> Verdict:
    """A base backup needs two at once; without them the first backup waits for a restart."""
    return at_least(facts, "max_wal_senders", 2)


@item(
    "postgres.replication_slots",
    severity="medium",
    remedy="rfdata up; by hand: ALTER SYSTEM SET max_replication_slots = 10, then restart",
)
def replication_slots(config: Config, facts: Facts) -> Verdict:
    """A WAL receiver without a slot loses segments whenever it is away for longer than a while."""
    return at_least(facts, "max_replication_slots", 1)


@item(
    "postgres.slot_wal_limit",
    severity="high",
    remedy="rfdata up; by hand: ALTER SYSTEM SET max_slot_wal_keep_size = '4GB'; SELECT pg_reload_conf()",
)
def slot_wal_limit(config: Config, facts: Facts) -> Verdict:
    """A forgotten replication slot keeps all WAL from then on, until the disk is full."""
    found = setting(facts, "max_slot_wal_keep_size")
    kept = bytes_of(found.value)
    return judge(
        kept >= 0,
        "max_slot_wal_keep_size with a limit",
        f"at most {size(kept)} kept for a slot" if kept >= 0 else "no limit (-1)",
        found,
    )


@item(
    "postgres.archive_ready",
    severity="high",
    remedy="set archive_command (or archive_library), or archive_mode = off until backups are set up",
)
def archive_ready(config: Config, facts: Facts) -> Verdict:
    """Archiving that is on without a command piles WAL up until the disk is full and writes stop."""
    mode = setting(facts, "archive_mode")
    command, library = setting(facts, "archive_command"), setting(facts, "archive_library")
    senders = setting(facts, "max_wal_senders")
    if mode.value.value == "off":
        return judge(
            int(senders.value.value) > 0,
            "WAL can be streamed to an archive, or is archived by a command",
            f"archive_mode = off, max_wal_senders = {senders.value.value}",
            mode,
            senders,
        )
    named = command.value.value or library.value.value
    return judge(
        bool(named),
        "an archive_command or archive_library, since archive_mode is on",
        f"archive_mode = {mode.value.value}, {'one is set' if named else 'neither is set'}",
        mode,
        command,
        library,
    )


@item(
    "postgres.primary",
    severity="high",
    remedy="connect services to the primary, or promote this one: SELECT pg_promote()",
)
def primary(config: Config, facts: Facts) -> Verdict:
    """A standby takes no writes: every service fails at its first one."""
    server = facts.postgres.server
    actual = "in recovery (a standby)" if server.value.in_recovery else "primary"
    return judge(not server.value.in_recovery, "primary", actual, server)


@item(
    "postgres.autovacuum",
    severity="high",
    remedy="rfdata up; by hand: ALTER SYSTEM RESET autovacuum; ALTER SYSTEM RESET track_counts; SELECT pg_reload_conf()",
)
def autovacuum(config: Config, facts: Facts) -> Verdict:
    """Without it tables swell, plans go wrong, and in the end the server stops to save its counters."""
    run, counts = setting(facts, "autovacuum"), setting(facts, "track_counts")
    return judge(
        run.value.value == "on" and counts.value.value == "on",
        "autovacuum and track_counts on",
        f"autovacuum = {run.value.value}, track_counts = {counts.value.value}",
        run,
        counts,
    )


@item(
    "postgres.pending_restart",
    severity="medium",
    remedy="restart the server at a quiet moment: rfdata plan shows the step",
)
def pending_restart(config: Config, facts: Facts) -> Verdict:
    """The files say one thing and the server does another, until a restart surprises everyone."""
    found = facts.postgres.settings
    waiting = sorted(name for name, row in found.value.items() if row.pending_restart)
    return judge(
        not waiting,
        "no changed setting that waits for a restart",
        ", ".join(waiting) or "none",
        found,
    )


@item(
    "postgres.config_errors",
    severity="high",
    remedy="mend the lines named (SELECT * FROM pg_file_settings, pg_hba_file_rules), then reload",
    host=True,
)
def config_errors(config: Config, facts: Facts) -> Verdict:
    """A file with an error is skipped at reload and keeps the server from starting next time."""
    found = facts.postgres.config_errors
    return judge(
        not found.value,
        "configuration and access files load without an error",
        "; ".join(found.value) or "no error",
        found,
    )


@item(
    "postgres.ready",
    severity="critical",
    remedy="rfdata up starts it; the reason it stopped is at the end of its log",
)
def ready(config: Config, facts: Facts) -> Verdict:
    """Nothing works without it; over TCP, because a socket also answers during initialisation."""
    found = facts.postgres.ready
    actual = "accepting connections" if found.value else "not accepting connections"
    return judge(found.value, "accepting connections", actual, found)
