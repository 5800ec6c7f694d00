"""Section 15: the way back. Most of it needs backups, which come with a later version."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import APPLIED, HEALTH, LOGINS, on_all

LINES: tuple[Line, ...] = (
    Line(
        "15.1", "After a failed deployment the servers are stopped in good order", drill="rollback"
    ),
    Line(
        "15.2",
        "The newest good backup is brought back",
        pending="backups: a restore into a fresh database that then takes the old one's place",
        deviation="a restore over a live database ends with hundreds of errors (decisions, 22)",
    ),
    Line(
        "15.3",
        "Before that, the backup was found to be whole",
        pending="backups: verification of a backup as the first step of its restore",
    ),
    Line(
        "15.4",
        "Data that is broken for good is removed, and only that",
        pending="backups: `rfdata down --destroy-data NAME`, which asks for a fresh backup first",
    ),
    Line(
        "15.5",
        "Secrets and settings go back to what worked",
        pending="backups: rfdata.toml and .env as part of every backup, sealed",
    ),
    Line(
        "15.6",
        "The servers are started again",
        checks=on_all("host", "running"),
        drill="rollback",
    ),
    Line("15.7", "Then they can be reached again", checks=LOGINS, drill="rollback"),
    Line(
        "15.8",
        "Then everything is verified anew",
        checks=(*HEALTH, *on_all("logs", "startup"), *on_all("host", "disk_free")),
        drill="rollback",
    ),
    Line(
        "15.9",
        "After a failed migration it is on record which step failed, and why",
        checks=("migrations.failures_recorded",),
        deviation="by the ledger and by the evidence log, at the moment that it fails",
    ),
    Line(
        "15.10",
        "The database goes back to where it was before the migration",
        pending="backups: the backup that every migration begins with, and its restore",
    ),
    Line(
        "15.11",
        "The migration is mended",
        checks=("migrations.finished", "migrations.unedited", "migrations.lint"),
    ),
    Line(
        "15.12",
        "The mended migration is tried elsewhere first",
        checks=("migrations.rehearsed",),
        deviation="on a scratch copy of the real database, by the checksum that it then runs with",
    ),
    Line(
        "15.13",
        "Then it runs in production",
        checks=(*APPLIED, "migrations.verified"),
    ),
)
