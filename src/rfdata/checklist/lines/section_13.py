"""Section 13: deployment, step by step."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import (
    APPLIED,
    DATA_FOLDERS,
    DOMAINS,
    ENV,
    HEALTH,
    LOGINS,
    both,
    on_all,
    on_both,
)

LINES: tuple[Line, ...] = (
    Line("13.1", "Before the start, every variable was looked at", checks=(*ENV, "env.file_mode")),
    Line(
        "13.2",
        "Before the start, authority and certificates were made",
        checks=(
            "deployment.certificates_folder",
            "tls.ca_valid",
            *on_all("tls", "chain", "key_type"),
        ),
    ),
    Line(
        "13.3",
        "Before the start, migrations are in their folder",
        checks=("deployment.migrations_folder", "migrations.folder"),
    ),
    Line(
        "13.4",
        "Before the start, every server's data folder was made",
        checks=DATA_FOLDERS,
        deviation="data folders on a persistent disk instead of Docker volumes",
    ),
    Line(
        "13.5",
        "Before the start, the configuration was found to be valid",
        checks=("deployment.files_in_place", "postgres.config_errors"),
        deviation="rfdata.toml is refused when it is wrong, and the servers' files load without an error",
    ),
    Line(
        "13.6",
        "PostgreSQL came up and is healthy",
        checks=("host.postgres_running", "host.postgres_health", "postgres.ready"),
    ),
    Line(
        "13.7",
        "Both Redis servers came up and are healthy",
        checks=(*on_both("host", "running", "health"), *both("loaded")),
    ),
    Line(
        "13.8",
        "The servers' logs of the start were looked through",
        checks=on_all("logs", "startup"),
    ),
    Line(
        "13.9",
        "Every migration ran to its end",
        checks=APPLIED,
    ),
    Line(
        "13.10",
        "No migration reported an error",
        checks=("migrations.finished", "migrations.failures_recorded"),
        deviation="read in the ledger: psql in a loop goes on after an error (decisions, 3)",
    ),
    Line(
        "13.11",
        "The tables are there",
        checks=(*DOMAINS, "migrations.verified"),
        deviation="each by its name, and what migrations promise of it, instead of a look at \\dt",
    ),
    Line(
        "13.12",
        "PostgreSQL says that it accepts connections",
        checks=("postgres.ready", "postgres.primary"),
    ),
    Line("13.13", "Both Redis servers answer PONG", checks=on_both("probe", "login")),
    Line(
        "13.14",
        "A client with the services' own credentials gets in everywhere",
        checks=(*LOGINS, "postgres.connect_privileges", *both("databases")),
    ),
    Line(
        "13.15",
        "Every server runs and is healthy",
        checks=(*on_all("host", "running"), *HEALTH),
        deviation="processes and the watch's records instead of docker compose ps",
    ),
    Line("13.16", "No server logged a serious error", checks=on_all("logs", "startup")),
    Line(
        "13.17",
        "The services' endpoints answer",
        attest="After this deployment the services' endpoints were called, and answered rightly.",
        attest_days=30,
    ),
    Line(
        "13.18",
        "Services read and write through their own code",
        attest="After this deployment a query through a service returned what was written before.",
        attest_days=30,
    ),
    Line(
        "13.19",
        "Backups are made, on time and without errors",
        pending="backups: a check that the schedule is active and its last run was good",
    ),
    Line(
        "13.20",
        "The servers use no more than they should",
        checks=(
            *on_all("host", "memory_used", "disk_free"),
            "postgres.connections_left",
            "redis-durable.memory_left",
        ),
    ),
)
