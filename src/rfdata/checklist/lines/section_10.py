"""Section 10: logging and monitoring."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import HEALTH, both, on_all, on_both

FILES = "the servers' own log files, rotated by the watch, instead of Docker's json-file driver"

LINES: tuple[Line, ...] = (
    Line(
        "10.1", "The log tells who changed the schema, and when", checks=("postgres.log_statement",)
    ),
    Line(
        "10.2",
        "The log tells which statements took longer than a second",
        checks=("postgres.log_min_duration_statement",),
    ),
    Line(
        "10.3",
        "PostgreSQL's log is kept in files, each line with its time and origin",
        checks=("postgres.logging_collector", "postgres.log_line_prefix"),
        deviation=FILES,
    ),
    Line(
        "10.4",
        "No file of PostgreSQL's log grows beyond 50 MB",
        checks=("postgres.log_rotation_size", "logs.postgres_size"),
        deviation=FILES,
    ),
    Line(
        "10.5",
        "Five files of PostgreSQL's log are kept",
        checks=("logs.postgres_files",),
        deviation=FILES,
    ),
    Line(
        "10.6",
        "Both Redis servers log every change to their append-only file",
        checks=both("appendonly", "aof_healthy", "fsync_during_rewrite"),
    ),
    Line(
        "10.7",
        "Both Redis servers write a log, and it holds no complaint",
        checks=(*on_both("logs", "size"), *on_both("logs", "startup")),
        deviation=FILES,
    ),
    Line(
        "10.8",
        "No file of Redis's logs grows beyond 20 MB",
        checks=on_both("logs", "size"),
        deviation=FILES,
    ),
    Line(
        "10.9",
        "Three files of each Redis log are kept",
        checks=on_both("logs", "files"),
        deviation=FILES,
    ),
    Line(
        "10.10",
        "Logs are collected in one place, or it was decided that they need not be",
        attest="Our log collector takes up the servers' logs, or we have decided to do without one.",
        attest_days=365,
    ),
    Line(
        "10.11",
        "Logs are rotated by somebody who is always there",
        checks=(
            "host.watch_alive",
            "postgres.log_rotation_size",
            *on_all("logs", "size", "files"),
        ),
        deviation=FILES,
    ),
    Line(
        "10.12",
        "Somebody is told when the servers report errors",
        checks=on_all("logs", "startup"),
        pending="monitoring: alerts on errors in the logs, and proof that they arrive",
    ),
    Line(
        "10.13",
        "The servers' health is watched all the time",
        checks=("host.watch_alive", "host.watch_current", "host.watch_interval", *HEALTH),
    ),
    Line(
        "10.14",
        "Figures on the servers' work are gathered",
        checks=(
            "postgres.pg_stat_statements_loaded",
            "postgres.pg_stat_statements",
            "postgres.role_monitor",
            *both("monitor_commands"),
        ),
        pending="monitoring: metrics of all three servers over time, beside today's figures",
    ),
    Line(
        "10.15",
        "The figures can be seen at a glance",
        pending="monitoring: dashboards for PostgreSQL, both Redis servers and the host",
    ),
    Line(
        "10.16",
        "Somebody notices when a backup fails or doesn't happen",
        pending="backups: a check of the newest backup's age and size, and an alert on both",
    ),
)
