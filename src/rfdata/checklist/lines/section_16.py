"""Section 16: what has to be true before the phase is signed off."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import (
    APPLIED,
    DOORS,
    ENV,
    HEALTH,
    LIMITS,
    LOGGING,
    LOGINS,
    POLLING,
    SECURITY,
    both,
    on_all,
    on_both,
)

LINES: tuple[Line, ...] = (
    Line(
        "16.1",
        "Every configuration file is known, in its place, and was read by somebody",
        checks=("deployment.files_in_place", "postgres.config_errors"),
        attest="I have read rfdata.toml and the files rendered from it.",
    ),
    Line(
        "16.2",
        "PostgreSQL is deployed and works",
        checks=(
            "postgres.version",
            "postgres.ready",
            "postgres.primary",
            "postgres.checksums",
            "host.postgres_running",
            "host.postgres_health",
            "host.watch_after_reboot",
            "probe.postgres_login",
        ),
    ),
    Line(
        "16.3",
        "Redis is deployed, cache and durable, and works",
        checks=(
            *both("version", "loaded", "primary", "aof_healthy", "snapshot_healthy"),
            *on_both("host", "running", "health"),
            "host.watch_after_reboot",
            *on_both("probe", "login"),
        ),
    ),
    Line(
        "16.4",
        "Every migration was applied",
        checks=(*APPLIED, "migrations.verified"),
    ),
    Line("16.5", "Every variable is set and agrees with the servers", checks=ENV),
    Line("16.6", "The layer is closed to everyone who has no business in it", checks=SECURITY),
    Line("16.7", "Every health check runs and is green", checks=(*POLLING, *HEALTH)),
    Line(
        "16.8",
        "Processors, memory and disks are shared out and suffice",
        checks=(
            *LIMITS,
            "host.memory_suffices",
            *both("memory_headroom"),
            *on_all("host", "memory_used", "disk_free"),
        ),
    ),
    Line("16.9", "The servers log, and the logs are kept within limits", checks=LOGGING),
    Line(
        "16.10",
        "Backups are set up",
        pending="backups: schedule, retention, archive and verification, each with its check",
    ),
    Line("16.11", "A disaster was rehearsed", drill="disaster-recovery"),
    Line(
        "16.12",
        "Everything that the team needs to know is written down",
        checks=("env.example_explains",),
        attest="The documents of section 12 are complete, and the team has them.",
    ),
    Line(
        "16.13",
        "Everything of section 12 was found to be good",
        checks=(*ENV, *LOGINS, *HEALTH, *LIMITS, *SECURITY),
        pending="sign-off: section 12's own outcomes, drills and statements included, in one",
    ),
    Line(
        "16.14",
        "Every test was passed",
        checks=(*LOGINS, *DOORS, "migrations.rehearsed"),
        drill="load",
        pending="drills: failover and restore, each with fresh evidence",
    ),
)
