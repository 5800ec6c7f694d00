"""Section 4: migrations. The runner and the schema come with a later version."""

from __future__ import annotations

from rfdata.checklist.line import Line

RUNNER = "our runner instead of a loop over psql, which exits 0 on broken SQL (decisions, 3)"

LINES: tuple[Line, ...] = (
    Line(
        "4.1",
        "Migrations have a folder of their own in the deployment",
        checks=("deployment.migrations_folder",),
    ),
    Line(
        "4.2",
        "There is a migration for everything that the services need",
        pending="migrations: the schema as ordered files, each recorded once it was applied",
    ),
    Line(
        "4.3",
        "A first migration lays the schema's foundations",
        pending="migrations: the first file of the schema, and a check that it was applied",
    ),
    Line(
        "4.4",
        "Users, roles and their permissions have tables",
        pending="migrations: tables for users and what they may do",
    ),
    Line(
        "4.5",
        "Research workflows have tables",
        pending="migrations: tables for workflows, their steps and their state",
    ),
    Line(
        "4.6",
        "Who did what and when has tables that nobody can rewrite",
        pending="migrations: tables for the audit trail, append-only by privilege",
    ),
    Line(
        "4.7",
        "Sessions have tables",
        pending="migrations: tables for sessions, with their expiry",
    ),
    Line(
        "4.8",
        "Vectors can be stored and searched in the database",
        checks=("postgres.pgvector_available", "postgres.pgvector"),
        deviation="rfdata up creates the extension: it takes a superuser, which migrations are not",
    ),
    Line(
        "4.9",
        "Somebody has read every migration before it runs",
        pending="migrations: a lint of every file, whose findings the reader sees",
        attest="I have read every SQL file in migrations/ and know what it changes.",
    ),
    Line(
        "4.10",
        "Migrations run in one order, the same everywhere",
        pending="migrations: a check that file names are ordered, unique and without a gap",
    ),
    Line(
        "4.11",
        "Migrations were tried where a failure costs nothing",
        drill="migration",
        deviation="on a scratch copy of the real database instead of a staging environment",
    ),
    Line(
        "4.12",
        "A backup is taken before the schema changes",
        pending="backups: a fresh, verified backup as the first step of every migration",
    ),
    Line(
        "4.13",
        "Migrations run once and then rest",
        pending="migrations: a ledger with a lock, by which a second run has nothing to do",
        deviation=RUNNER,
    ),
    Line(
        "4.14",
        "Services start only when every migration was successful",
        pending="migrations: a check that nothing is left to apply, which services wait for",
        deviation=RUNNER,
    ),
    Line(
        "4.15",
        "Each migration says how it is taken back",
        pending="migrations: a check that every file has its reversal, and a drill that runs it",
    ),
)
