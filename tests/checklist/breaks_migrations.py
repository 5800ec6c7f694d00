"""For every check of migrations and of the schema, what has to go wrong for it to fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.checklist.breaking import Break, Change, entry, having, less, to
from tests.checklist.healthy_schema import FUNCTIONS, TABLES

from rfdata.model.facts import Ledger, LedgerEntry, MigrationFolder, Problem, Schema

FOLDER, LEDGER, SCHEMA = "migrations.folder", "migrations.ledger", "migrations.schema"
RESEARCH = "0004_research"
NO_LEDGER = Break(LEDGER, to(Ledger((), empty_database=True)))
"""Also a database that somebody else migrates: everything may be there, but nobody knows."""
NO_FILES = Break(FOLDER, to(MigrationFolder("migrations", (), ())))


def file(name: str, **fields: Any) -> Break:
    """One file of the folder with other fields."""

    def change(old: MigrationFolder) -> MigrationFolder:
        return replace(
            old, files=tuple(replace(f, **fields) if f.name == name else f for f in old.files)
        )

    return Break(FOLDER, change)


def entries(change: Any) -> Break:
    return Break(LEDGER, lambda old: replace(old, entries=tuple(change(old.entries))))


def ran(name: str, **fields: Any) -> Break:
    """One entry of the ledger with other fields."""
    return entries(lambda old: (replace(e, **fields) if e.name == name else e for e in old))


def unrun(name: str) -> Break:
    return entries(lambda old: (e for e in old if e.name != name))


def finding(severity: str, rule: str = "squawk/ban-drop-table") -> Break:
    problem = Problem("0002_identity.sql", 3, 1, rule, "it goes", "keep it", severity)  # type: ignore[arg-type]
    return Break("migrations.findings", to((problem,)))


def table(name: str, change: Change) -> Break:
    return Break(SCHEMA, lambda old: replace(old, relations=entry(name, change)(old.relations)))


def no_table(name: str) -> Break:
    return Break(SCHEMA, lambda old: replace(old, relations=less(name)(old.relations)))


def columns(name: str, change: Change) -> Break:
    return table(name, lambda old: replace(old, columns=change(old.columns)))


def no_function(name: str) -> Break:
    return Break(SCHEMA, lambda old: replace(old, functions=old.functions - {name}))


def granted(name: str, who: str, *rights: str) -> Break:
    return table(
        name, lambda old: replace(old, privileges={**old.privileges, who: frozenset(rights)})
    )


def domain(schema: str, *more: Break) -> dict[str, tuple[Break, ...]]:
    """Without any one of a domain's tables or functions, its check fails."""
    tables = {*TABLES.split(), "audit.events", "knowledge.chunks"}
    tables |= {"session.sessions", "session.password_reset_tokens"}
    return {
        f"migrations.{schema}": (
            *(no_table(name) for name in sorted(tables) if name.startswith(f"{schema}.")),
            *(no_function(name) for name in FUNCTIONS.split() if name.startswith(f"{schema}.")),
            *more,
        )
    }


def _empty(old: Schema) -> Schema:
    return replace(old, relations={}, functions=frozenset(), vector_indexes=())


def _without_domain(old: Schema) -> Schema:
    kept = {n: r for n, r in old.relations.items() if r.schema != "governance"}
    return replace(old, relations=kept)


def _renamed(old: tuple[LedgerEntry, ...]) -> list[LedgerEntry]:
    return [replace(e, name="0004_gone") if e.name == RESEARCH else e for e in old]


RUNNER: dict[str, tuple[Break, ...]] = {
    "migrations.folder": (
        Break(
            FOLDER,
            having(
                problems=(
                    Problem(
                        *("0002_b.sql", 0, 0, "duplicate-number", "0002 is there twice"),
                        *("rename one", "error"),
                    ),
                )
            ),
        ),
        NO_FILES,
    ),
    "migrations.applied": (
        unrun("0007_governance"),
        unrun(RESEARCH),
        ran(RESEARCH, state="failed"),
        ran(RESEARCH, state="applying"),
        NO_LEDGER,
        NO_FILES,
    ),
    "migrations.finished": (
        ran(RESEARCH, state="failed", error="deadlock detected", statements=3, statements_done=1),
        ran(RESEARCH, state="applying"),
        NO_LEDGER,
    ),
    "migrations.unedited": (
        file(RESEARCH, checksum="edited"),
        ran(RESEARCH, checksum="another"),
        entries(_renamed),
        NO_FILES,
        NO_LEDGER,
    ),
    "migrations.failures_recorded": (
        ran(RESEARCH, state="failed", error=""),
        Break("migrations.rehearsals", lambda old: (replace(old[0], passed=False),)),
        NO_LEDGER,
    ),
    "migrations.reversible": (file(RESEARCH, rollback=""), NO_FILES),
    "migrations.lint": (finding("error"), finding("warning"), NO_FILES),
    "migrations.verified": (
        Break("migrations.verified", entry(RESEARCH, "line 3: not true: jobs_are_claimed")),
        Break("migrations.verified", less(RESEARCH)),
        NO_LEDGER,
    ),
    "migrations.rehearsed": (
        file(RESEARCH, rollback="edited since"),
        ran(RESEARCH, checksum="another"),
        entries(_renamed),
        Break("migrations.rehearsals", to(())),
        Break("migrations.rehearsals", lambda old: (replace(old[0], passed=False),)),
        Break(
            "migrations.rehearsals",
            lambda old: (replace(old[0], checksums=less(RESEARCH)(old[0].checksums)),),
        ),
        NO_LEDGER,
    ),
    "migrations.ledger_private": (
        Break(LEDGER, having(others=frozenset({"PUBLIC"}))),
        Break(LEDGER, having(others=frozenset({"researchflow_user"}))),
        NO_LEDGER,
    ),
}

SCHEMATA: dict[str, tuple[Break, ...]] = {
    "migrations.foundations": (
        unrun("0001_foundations"),
        ran("0001_foundations", state="failed"),
        Break(SCHEMA, _without_domain),
        Break(SCHEMA, _empty),
        NO_LEDGER,
        NO_FILES,
    ),
    **domain(
        "identity",
        columns("identity.users", entry("password_hash", "text")),
        table("identity.users", having(kind="view")),
    ),
    **domain(
        "session",
        columns("session.sessions", less("token_hash")),
        columns("session.sessions", less("expires_at")),
        columns("session.password_reset_tokens", entry("token", "text")),
        Break(SCHEMA, having(indexed=frozenset({"session.password_reset_tokens.expires_at"}))),
    ),
    **domain("research"),
    **domain(
        "knowledge",
        columns("knowledge.chunks", less("embedding")),
        Break(SCHEMA, having(vector_indexes=())),
        Break(
            SCHEMA,
            having(vector_indexes=("c (CREATE INDEX c ON knowledge.chunks USING ivfflat (e))",)),
        ),
    ),
    **domain("governance"),
    **domain("audit", table("audit.events", having(kind="table"))),
    "migrations.audit_append_only": (
        granted("audit.events", "rf_audit_append", "INSERT", "UPDATE"),
        granted("audit.events", "PUBLIC", "DELETE"),
        granted("audit.events_y2026m02", "researchflow_user", "TRUNCATE"),
        no_table("audit.events"),
        Break(SCHEMA, _empty),
    ),
    "migrations.audit_partitions": (
        no_table("audit.events_y2026m02"),
        no_table("audit.events_y2026m03"),
        table("audit.events_y2026m03", having(kind="table")),
        Break(SCHEMA, _empty),
    ),
    "migrations.row_security": (
        table("research.runs", having(row_security=False)),
        table("audit.events", having(row_security=False)),
        granted("audit.events_y2026m02", "rf_audit_read", "SELECT"),
    ),
    "migrations.foreign_keys_indexed": (
        table("research.runs", having(unindexed_foreign_keys=("runs_project_id_fkey",))),
    ),
    "migrations.indexes_valid": (
        Break(SCHEMA, having(invalid_indexes=("research.runs_started_at",))),
    ),
    "migrations.commented": (
        table("research.runs", having(uncommented=("seed",))),
        table("research.runs", having(uncommented=("",))),
    ),
}

MIGRATIONS = {**RUNNER, **SCHEMATA}
"""Check id -> one or more things that make it fail."""
