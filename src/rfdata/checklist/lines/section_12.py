"""Section 12: before deployment, everything once more."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import (
    DATA_FOLDERS,
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
    Line("12.1", "Every variable that services need has its right value", checks=ENV),
    Line(
        "12.2",
        "The servers' configuration files load without an error and are in force",
        checks=(
            "postgres.config_errors",
            "postgres.pending_restart",
            "deployment.files_in_place",
        ),
        deviation="the files that the servers have really loaded, instead of a Compose file",
    ),
    Line(
        "12.3",
        "The servers' programs are there, in the right versions",
        checks=(
            *on_all("host", "program"),
            "postgres.version",
            *both("version"),
            "postgres.pgvector_available",
        ),
        deviation="programs on this host instead of images",
    ),
    Line(
        "12.4",
        "Every server has a folder for its data that it owns and that lasts",
        checks=DATA_FOLDERS,
        deviation="data folders on a persistent disk instead of Docker volumes",
    ),
    Line(
        "12.5",
        "Clients find and reach the servers, strangers don't",
        checks=(
            "deployment.hosts_resolve",
            "postgres.hba_networks",
            "postgres.hba_has_a_way_in",
            *on_all("host", "listeners"),
            *LOGINS,
            "probe.postgres_foreign_network_refused",
        ),
        deviation="CIDR networks and listening addresses instead of a bridge network",
    ),
    Line(
        "12.6",
        "The health of PostgreSQL and both Redis servers is polled as planned",
        checks=(
            "host.watch_alive",
            "host.watch_current",
            "host.watch_after_reboot",
            *POLLING,
            *HEALTH,
        ),
    ),
    Line(
        "12.7",
        "Processors and memory are shared out, and there is enough of them",
        checks=(*LIMITS, "host.memory_suffices", *both("memory_headroom"), "postgres.memory_fits"),
        deviation="by systemd or control groups, where the host allows; read from the kernel",
    ),
    Line("12.8", "All three servers log what they should, within limits", checks=LOGGING),
    Line("12.9", "All that makes the layer secure is in force", checks=SECURITY),
    Line(
        "12.10",
        "A client logs in to PostgreSQL and gets an answer",
        checks=("probe.postgres_login",),
        deviation="as the services' role, over TLS with the certificate verified",
    ),
    Line(
        "12.11",
        "A client logs in to both Redis servers and gets PONG",
        checks=on_both("probe", "login"),
        deviation="over verified TLS, without the password in the process list (decisions, 1)",
    ),
    Line(
        "12.12",
        "Migrations were tried by themselves",
        checks=("migrations.rehearsed",),
        deviation="up, down and up again on a scratch copy of the real database",
    ),
    Line(
        "12.13",
        "Whoever asks after the servers' health gets a good answer",
        checks=("postgres.ready", *both("loaded"), *HEALTH),
    ),
    Line(
        "12.14",
        "Every server is reached by its name, in time",
        checks=("deployment.hosts_resolve", *LOGINS, *on_all("probe", "answers_in_time")),
    ),
    Line(
        "12.15",
        "The servers bear as many clients at once as are expected",
        checks=("postgres.connections_left",),
        drill="load",
    ),
    Line("12.16", "Servers that are stopped or killed come back whole", drill="failover"),
    Line("12.17", "A backup was made and brought back", drill="restore"),
    Line(
        "12.18",
        "Every variable is explained",
        checks=("env.example_explains", "env.production_template"),
    ),
    Line(
        "12.19",
        "The schema is described",
        checks=("migrations.applied", "migrations.commented"),
        deviation="in the database itself, as comments, from which `rfdata migrate schema` makes a document",
    ),
    Line(
        "12.20",
        "The services' interfaces are described as they are now",
        attest="The API documentation is up to date with this deployment.",
    ),
    Line(
        "12.21",
        "There is a guide for when something doesn't work",
        attest="Our troubleshooting guide covers this data layer, and the team knows where it is.",
        attest_days=180,
    ),
    Line(
        "12.22",
        "There are instructions for what happens again and again",
        attest="We have runbooks for restart, full disk, certificate renewal and restore.",
        attest_days=180,
    ),
    Line(
        "12.23",
        "It is written down how secrets are handled",
        attest="How secrets are made, stored, changed and withdrawn is written down for the team.",
        attest_days=365,
    ),
    Line(
        "12.24",
        "It is written down what is watched, and who is told of what",
        pending="monitoring: a list of every metric and alert, made from their definitions",
        attest="Who is called by which alert is written down, and those people know it.",
    ),
)
