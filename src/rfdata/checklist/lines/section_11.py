"""Section 11: backups and disaster recovery, most of which come with a later version."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import both

DUMPS = (
    "custom-format dumps to a temporary name, verified, then renamed: a failed dump through a pipe "
    "leaves an empty file and exit 0 (decisions, 22)"
)

LINES: tuple[Line, ...] = (
    Line(
        "11.1",
        "Every day a backup is made without anyone's doing",
        pending="backups: a daily schedule, and a check that the newest is no older than a day",
    ),
    Line(
        "11.2",
        "Backups lie where the loss of the data doesn't reach them",
        pending="backups: a check that they are on another file system or host than the data",
    ),
    Line(
        "11.3",
        "Backups are kept for thirty days or more",
        pending="backups: a retention policy, and a check that the oldest is old enough",
    ),
    Line("11.4", "Once a month data is brought back from a backup", drill="restore"),
    Line(
        "11.5",
        "Every backup was found to be whole",
        checks=("postgres.checksums",),
        pending="backups: pg_verifybackup on every base backup, pg_restore --list on every dump",
    ),
    Line(
        "11.6",
        "It is written down how long a recovery may take",
        attest="The time within which the data layer has to be back is agreed and written down.",
        attest_days=365,
    ),
    Line(
        "11.7",
        "It is written down how much work may be lost",
        attest="How many minutes of data may be lost at most is agreed and written down.",
        attest_days=365,
    ),
    Line(
        "11.8",
        "The database is dumped as SQL that any server can read",
        pending="backups: scheduled dumps beside the base backups",
        deviation=DUMPS,
    ),
    Line(
        "11.9",
        "The database can be put back to any moment",
        checks=(
            "postgres.wal_level",
            "postgres.wal_senders",
            "postgres.replication_slots",
            "postgres.slot_wal_limit",
            "postgres.archive_ready",
            "postgres.role_backup",
        ),
        pending="backups: a WAL archive without a gap, and a check of its newest segment",
    ),
    Line(
        "11.10",
        "Redis's snapshots are made, and kept elsewhere",
        checks=both("snapshot_healthy"),
        pending="backups: a copy of each snapshot with the other backups, and its check",
    ),
    Line(
        "11.11",
        "Redis's own log of changes brings its data back after a crash",
        checks=both("appendonly", "appendfsync", "aof_healthy", "fsync_during_rewrite"),
    ),
    Line(
        "11.12",
        "One command backs PostgreSQL up",
        pending="backups: `rfdata backup run postgres`",
        deviation=DUMPS,
    ),
    Line(
        "11.13",
        "One command backs both Redis servers up",
        pending="backups: `rfdata backup run redis`",
    ),
    Line(
        "11.14",
        "Backups start at a fixed hour of the night",
        pending="backups: a timer of systemd's or the agent's, at 02:00 UTC unless told otherwise",
    ),
    Line("11.15", "A restore was tried, and what came back was complete", drill="restore"),
    Line(
        "11.16",
        "It is written down how to back up and how to restore",
        pending="backups: the procedure in the docs, each of its commands run by a test",
        attest="Our team has the backup and restore procedure at hand, also without this host.",
    ),
    Line(
        "11.17",
        "Somebody is told when backups go wrong",
        pending="monitoring: alerts on a missed, failed or shrunken backup",
    ),
)
