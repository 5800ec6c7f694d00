# ruff: noqa: ARG001 - every check takes the same two arguments
"""The schema that services live on: is everything there, closed to others, and quick to search?"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rfdata.checklist.item import item, judge, not_applicable
from rfdata.checklist.migrations import APPLIED, few
from rfdata.checklist.roles import BREAK_GLASS
from rfdata.checklist.words import count, listing
from rfdata.config.load import Config
from rfdata.model.facts import Facts, Relation, Schema
from rfdata.model.verdict import Verdict

SCRATCH = "public"
"""Where a person may try something: no migration of ours makes anything there."""
DOMAINS = ("audit", "governance", "identity", "knowledge", "research", "session")
TABLES = frozenset({"table", "partitioned"})
MEND = (
    "rfdata migrate up applies the shipped schema, which rfdata init copies into migrations/; a schema "
    "of your own needs what is named, under these names, or a waiver of the line"
)
EMPTY = "there is no table"
PARTITION = re.compile(r"audit\.events_y(\d{4})m(\d{2})")


@item("migrations.foundations", severity="critical", remedy=MEND)
def foundations(config: Config, facts: Facts) -> Verdict:
    """Everything else is built on it: schemas by domain, and who may enter each."""
    files, ledger, schema = (
        facts.migrations.folder,
        facts.migrations.ledger,
        facts.migrations.schema,
    )
    done = {entry.name for entry in ledger.value.entries if entry.state in APPLIED}
    first = files.value.files[0].name if files.value.files else ""
    inhabited = {r.schema for r in schema.value.relations.values() if r.kind in TABLES}
    wrong = [] if first in done else [f"{first or 'the first migration'} is not applied"]
    wrong += [f"no table in {domain}" for domain in DOMAINS if domain not in inhabited]
    expected = f"the first migration applied, and tables in {listing(DOMAINS)}"
    actual = few(wrong) if wrong else f"{first} is applied, and each of them has tables"
    return judge(not wrong, expected, actual, files, ledger, schema)


@item("migrations.identity", severity="critical", remedy=MEND)
def identity(config: Config, facts: Facts) -> Verdict:
    """Who may do what has to be data, or each service decides it by itself, and differently.

    Password hashes apart from users: whoever may see names then sees no hash.
    """
    tables = (
        *("organizations", "users", "credentials", "memberships", "invites"),
        *("roles", "permissions", "role_permissions", "role_grants"),
        *("mfa_enrolments", "consents", "quotas"),
    )
    functions = ("has_permission", "current_organization", "current_user_id", "enter")
    users = facts.migrations.schema.value.relations.get("identity.users")
    loose = [f"identity.users.{c}" for c in (users.columns if users else ()) if "password" in c]
    return _has(facts, "identity", tables, functions, [f"{name} among names" for name in loose])


@item("migrations.session", severity="critical", remedy=MEND)
def session(config: Config, facts: Facts) -> Verdict:
    """A table of tokens is a table of keys: only hashes belong in it, and only until they expire.

    Without an index on the expiry, clearing away ten million old rows reads all of them.
    """
    tables = ("sessions", "password_reset_tokens")
    schema = facts.migrations.schema.value
    wrong = []
    for name in tables:
        columns = _columns(schema, f"session.{name}")
        lacking = sorted({"token_hash", "expires_at"} - columns) if columns else []
        wrong += [f"session.{name}.{column}" for column in lacking]
        wrong += [f"session.{name}.token in the clear"] if "token" in columns else []
        if "expires_at" in columns and f"session.{name}.expires_at" not in schema.indexed:
            wrong.append(f"an index on session.{name}.expires_at")
    return _has(facts, "session", tables, ("open", "touch", "revoke", "purge"), wrong)


@item("migrations.research", severity="critical", remedy=MEND)
def research(config: Config, facts: Facts) -> Verdict:
    """A workflow whose steps and states are nowhere written down can't go on after a restart."""
    tables = (
        *("projects", "project_members", "workflows", "workflow_versions", "stages"),
        *("run_transitions", "runs", "stage_runs", "checkpoints"),
        *("artifacts", "artifact_versions", "artifact_edges"),
        *("manuscripts", "manuscript_versions", "datasets", "phi_findings"),
        *("approval_gates", "approval_decisions", "jobs", "ai_invocations"),
    )
    functions = (
        *("move_run", "move_stage", "append_manuscript_version"),
        *("enqueue_job", "claim_job", "finish_job", "fail_job"),
    )
    return _has(facts, "research", tables, functions)


@item("migrations.knowledge", severity="high", remedy=MEND)
def knowledge(config: Config, facts: Facts) -> Verdict:
    """Without a valid vector index every search compares the question with every chunk there is."""
    schema = facts.migrations.schema.value
    chunks = schema.relations.get("knowledge.chunks")
    vectors = [t for t in (chunks.columns.values() if chunks else ()) if "vector(" in t]
    indexes = [i for i in schema.vector_indexes if "USING hnsw" in i and " knowledge.chunks " in i]
    wrong = [] if vectors else ["a vector column in knowledge.chunks"]
    wrong += [] if indexes else ["a valid HNSW index on knowledge.chunks"]
    return _has(facts, "knowledge", ("papers", "chunks"), ("search",), wrong)


@item("migrations.governance", severity="high", remedy=MEND)
def governance(config: Config, facts: Facts) -> Verdict:
    """Whether this is a demonstration or real is no matter for a variable that each service reads."""
    return _has(facts, "governance", ("settings", "setting_history", "mode", "feature_flags"), ())


@item("migrations.audit", severity="critical", remedy=MEND)
def audit(config: Config, facts: Facts) -> Verdict:
    """Without a chained trail, nobody can say afterwards who saw a patient's data, or prove it."""
    functions = ("append", "verify_chain", "ensure_partitions")
    events = facts.migrations.schema.value.relations.get("audit.events")
    whole = events is None or events.kind == "partitioned"
    wrong = [] if whole else ["partitions of audit.events"]
    return _has(facts, "audit", ("events", "chains"), functions, wrong)


@item(
    "migrations.audit_append_only",
    severity="critical",
    remedy=f"REVOKE UPDATE, DELETE, TRUNCATE ON the tables named FROM everyone but {BREAK_GLASS}",
)
def audit_append_only(config: Config, facts: Facts) -> Verdict:
    """A trail that those whom it is about can rewrite proves nothing."""
    found = facts.migrations.schema
    trail = [r for n, r in found.value.relations.items() if _of_the_trail(n)]
    expected = f"nobody but {BREAK_GLASS} may change or remove audit events, its owner apart"
    able = [
        f"{who}: {listing(rights)} on {_name(relation)}"
        for relation in trail
        for who, held in sorted(relation.privileges.items())
        if who != BREAK_GLASS and (rights := held & {"UPDATE", "DELETE", "TRUNCATE"})
    ]
    if "audit.events" not in found.value.relations:
        return judge(False, expected, "there is no table audit.events", found)
    actual = few(able) if able else f"so it is on {count(len(trail), 'table')}"
    return judge(not able, expected, actual, found)


@item(
    "migrations.audit_partitions",
    severity="critical",
    remedy="SELECT audit.ensure_partitions(3), and have a service or a timer call it every day",
)
def audit_partitions(config: Config, facts: Facts) -> Verdict:
    """On the first of a month without its partition, every event is refused, and with it the work."""
    found = facts.migrations.schema
    months = sorted(
        int(match[1]) * 12 + int(match[2]) - 1
        for name, relation in found.value.relations.items()
        if relation.kind == "partition" and (match := PARTITION.fullmatch(name))
    )
    this = facts.gathered_at.year * 12 + facts.gathered_at.month - 1
    missing = [month for month in (this, this + 1) if month not in months]
    expected = f"partitions of audit.events for {_month(this)} and {_month(this + 1)}"
    actual = f"up to {_month(months[-1])}" if months else "no partition"
    if missing and months:
        actual += f", without {' and '.join(map(_month, missing))}"
    return judge(not missing, expected, actual, found)


@item(
    "migrations.row_security",
    severity="critical",
    remedy="ALTER TABLE … ENABLE ROW LEVEL SECURITY and CREATE POLICY by organization, in a new migration",
)
def row_security(config: Config, facts: Facts) -> Verdict:
    """One forgotten WHERE in one service would show an organization's patients to another."""
    found = facts.migrations.schema
    theirs = [
        relation
        for relation in found.value.relations.values()
        if relation.kind in (*TABLES, "partition") and "organization_id" in relation.columns
    ]
    if not theirs:
        return not_applicable("no table has a column organization_id")
    # Behind its parent's policy, a partition is safe as long as nobody may ask it directly.
    bare = [
        _name(relation)
        for relation in theirs
        if not relation.row_security and (relation.kind in TABLES or relation.privileges)
    ]
    expected = "row-level security on every table with organization_id"
    actual = f"not on {few(bare)}" if bare else f"so it is on {count(len(theirs), 'table')}"
    return judge(not bare, expected, actual, found)


@item(
    "migrations.foreign_keys_indexed",
    severity="medium",
    remedy="CREATE INDEX on the columns of the foreign keys named, in a new migration",
)
def foreign_keys_indexed(config: Config, facts: Facts) -> Verdict:
    """Removing one row reads the whole table that refers to it, and locks out who waits for it."""
    bare = [
        f"{_name(relation)}: {key}"
        for relation in facts.migrations.schema.value.relations.values()
        for key in relation.unindexed_foreign_keys
    ]
    return _throughout(facts, bare, "an index for every foreign key", "without one: ")


@item(
    "migrations.indexes_valid",
    severity="high",
    remedy="DROP INDEX CONCURRENTLY the indexes named, and create them again",
)
def indexes_valid(config: Config, facts: Facts) -> Verdict:
    """An index that was left half built slows every write, and no query uses it."""
    invalid = facts.migrations.schema.value.invalid_indexes
    return _throughout(facts, list(invalid), "no invalid index", "invalid: ")


@item(
    "migrations.commented",
    severity="low",
    remedy="COMMENT ON TABLE and COMMENT ON COLUMN for those named, in a new migration",
)
def commented(config: Config, facts: Facts) -> Verdict:
    """A column that only its author understands is used wrongly by the next one."""
    bare = [
        f"{_name(relation)}.{column}" if column else _name(relation)
        for relation in facts.migrations.schema.value.relations.values()
        if relation.schema != SCRATCH
        for column in relation.uncommented
    ]
    expected = f"a comment on every table and column outside of {SCRATCH}"
    return _throughout(facts, bare, expected, "without one: ")


def _has(
    facts: Facts,
    domain: str,
    tables: Iterable[str],
    functions: Iterable[str],
    wrong: Iterable[str] = (),
) -> Verdict:
    """A domain's schema has these tables and functions, and nothing else is missing."""
    found = facts.migrations.schema
    relations = found.value.relations
    wanted = [f"{domain}.{name}" for name in tables]
    calls = [f"{domain}.{name}" for name in functions]
    missing = [n for n in wanted if n not in relations or relations[n].kind not in TABLES]
    missing += [f"{name}()" for name in calls if name not in found.value.functions]
    missing += wrong
    names = ", ".join([*wanted, *(f"{call}()" for call in calls)])
    actual = f"missing or wrong: {few(missing)}" if missing else "all of them, as they should be"
    return judge(not missing, names, actual, found)


def _throughout(facts: Facts, bad: list[str], expected: str, what: str) -> Verdict:
    """Something holds for the whole schema, which is not empty."""
    found = facts.migrations.schema
    tables = [r for r in found.value.relations.values() if r.kind in TABLES]
    if not tables:
        return not_applicable(EMPTY)
    actual = f"{what}{few(bad)}" if bad else f"so it is in {count(len(tables), 'table')}"
    return judge(not bad, expected, actual, found)


def _columns(schema: Schema, table: str) -> set[str]:
    relation = schema.relations.get(table)
    return set(relation.columns) if relation else set()


def _name(relation: Relation) -> str:
    return f"{relation.schema}.{relation.name}"


def _of_the_trail(name: str) -> bool:
    return name == "audit.events" or name.startswith("audit.events_")


def _month(number: int) -> str:
    """
    >>> _month(2026 * 12 + 11)
    '2026-12'
    """
    return f"{number // 12}-{number % 12 + 1:02}"
