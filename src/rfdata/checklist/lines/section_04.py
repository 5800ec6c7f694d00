"""Section 4: migrations."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import APPLIED, AUDIT, DOMAINS

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
        checks=("migrations.folder", "migrations.applied", *DOMAINS),
    ),
    Line(
        "4.3",
        "A first migration lays the schema's foundations",
        checks=("migrations.foundations",),
    ),
    Line(
        "4.4",
        "Users, roles and their permissions have tables",
        checks=("migrations.identity", "migrations.row_security"),
    ),
    Line(
        "4.5",
        "Research workflows have tables",
        checks=(
            "migrations.research",
            "migrations.row_security",
            "migrations.foreign_keys_indexed",
        ),
    ),
    Line(
        "4.6",
        "Who did what and when has tables that nobody can rewrite",
        checks=(*AUDIT, "postgres.role_groups"),
        deviation="append-only by privilege and chained by hash: tables alone prove nothing",
    ),
    Line(
        "4.7",
        "Sessions have tables",
        checks=("migrations.session",),
    ),
    Line(
        "4.8",
        "Vectors can be stored and searched in the database",
        checks=("postgres.pgvector_available", "postgres.pgvector", "migrations.knowledge"),
        deviation="rfdata up creates the extension: it takes a superuser, which migrations are not",
    ),
    Line(
        "4.9",
        "Somebody has read every migration before it runs",
        checks=("migrations.lint",),
        attest="I have read every SQL file in migrations/ and know what it changes.",
    ),
    Line(
        "4.10",
        "Migrations run in one order, the same everywhere",
        checks=("migrations.folder",),
        deviation="gaps between numbers are allowed: a file that was never applied may be taken away",
    ),
    Line(
        "4.11",
        "Migrations were tried where a failure costs nothing",
        checks=("migrations.rehearsed",),
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
        checks=(*APPLIED, "migrations.ledger_private"),
        deviation=RUNNER,
    ),
    Line(
        "4.14",
        "Services start only when every migration was successful",
        checks=(
            "migrations.applied",
            "migrations.finished",
            "migrations.verified",
            "migrations.indexes_valid",
        ),
        deviation=RUNNER,
    ),
    Line(
        "4.15",
        "Each migration says how it is taken back",
        checks=("migrations.reversible", "migrations.rehearsed"),
        deviation="as SQL that a rehearsal runs, not as a description",
    ),
)
