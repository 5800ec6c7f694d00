"""Checks of migrations where the profile, the target or somebody's own schema makes a difference."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.checklist.breaking import Break, having, to
from tests.checklist.breaks_migrations import (
    LEDGER,
    NO_FILES,
    NO_LEDGER,
    SCHEMA,
    entries,
    file,
    finding,
    no_table,
)
from tests.checklist.healthy import external_config, healthy_config, healthy_facts
from tests.checklist.healthy_schema import relation

from rfdata.checklist import catalogue
from rfdata.checklist.decide import run_checks
from rfdata.config.load import Config
from rfdata.model.facts import Facts, Schema
from rfdata.model.verdict import Outcome, Verdict

DIRECTORY = Path("/srv/researchflow")
PROD = healthy_config(DIRECTORY)
DEV = healthy_config(DIRECTORY, '[deployment]\nprofile = "dev"\n')
EXTERNAL = external_config(DIRECTORY)
FACTS = healthy_facts(PROD)


def verdict(id: str, config: Config, *broken: Break, facts: Facts = FACTS) -> Verdict:
    for one in broken:
        facts = one.apply(facts)
    (result,) = run_checks([catalogue.check(f"migrations.{id}")], config, facts)
    return result.verdict


def own(*names: str, **fields: object) -> Break:
    """Somebody's own schema, which knows nothing of ours."""
    relations = {name: relation(name, **fields) for name in names}
    return Break(SCHEMA, to(Schema(relations, frozenset(), (), ())))


@pytest.mark.parametrize(
    ("severity", "dev", "prod"),
    [("warning", Outcome.PASS, Outcome.FAIL), ("error", Outcome.FAIL, Outcome.FAIL)],
)
def test_a_warning_counts_in_production_only(severity: str, dev: Outcome, prod: Outcome) -> None:
    assert verdict("lint", DEV, finding(severity)).outcome is dev
    assert verdict("lint", PROD, finding(severity)).outcome is prod


def test_a_waived_finding_is_told_and_does_not_count() -> None:
    waived = Break(
        "migrations.findings", lambda old: (replace(old[0], waived="the table is empty"),)
    )
    found = verdict("lint", PROD, finding("error"), waived)
    assert found.outcome is Outcome.PASS
    assert "squawk/ban-drop-table" in found.note


def test_in_development_nothing_needs_a_rehearsal() -> None:
    found = verdict("rehearsed", DEV, Break("migrations.rehearsals", to(())))
    assert found.outcome is Outcome.NOT_APPLICABLE
    assert "dev profile" in found.note


def test_what_was_adopted_was_never_run_here_and_needs_no_rehearsal() -> None:
    adopted = entries(lambda old: [replace(entry, state="baseline") for entry in old])
    none = Break("migrations.rehearsals", to(()))
    assert verdict("rehearsed", PROD, adopted, none).outcome is Outcome.NOT_APPLICABLE
    assert verdict("applied", PROD, adopted).outcome is Outcome.PASS
    assert verdict("verified", PROD, adopted).outcome is Outcome.PASS
    half = entries(lambda old: [replace(old[0], state="baseline"), *old[1:]])
    assert verdict("rehearsed", PROD, half, none).outcome is Outcome.FAIL


def test_on_someone_elses_server_a_person_vouches_for_the_rehearsal() -> None:
    none = Break("migrations.rehearsals", to(()))
    assert verdict("rehearsed", EXTERNAL, none).outcome is Outcome.ATTEST
    assert verdict("rehearsed", EXTERNAL).outcome is Outcome.PASS


@pytest.mark.parametrize("config", [PROD, DEV, EXTERNAL], ids=["prod", "dev", "external"])
@pytest.mark.parametrize("broken", [NO_LEDGER, NO_FILES], ids=["ledger", "files"])
def test_without_a_ledger_or_files_nothing_counts_as_migrated(
    config: Config, broken: Break
) -> None:
    for id in ("applied", "unedited", "foundations"):
        assert verdict(id, config, broken).outcome is Outcome.FAIL
    assert "baseline" in catalogue.check("migrations.applied").item.remedy


def test_migrations_without_a_verify_file_prove_nothing_and_say_so() -> None:
    names = [entry.name for entry in FACTS.migrations.ledger.value.entries]
    silent = [file(name, verify="") for name in names]
    found = verdict("verified", PROD, *silent, Break("migrations.verified", to({})))
    assert found.outcome is Outcome.NOT_APPLICABLE
    found = verdict("verified", PROD, silent[0])
    assert found.outcome is Outcome.PASS
    assert found.note == "1 migration without a verify file"


def test_a_schema_of_ones_own_is_told_what_services_miss() -> None:
    mine = own("shop.orders")
    for id in ("identity", "session", "research", "audit", "knowledge", "governance"):
        found = verdict(id, PROD, mine)
        assert found.outcome is Outcome.FAIL
        assert f"{id}." in found.actual
        assert "of your own" in catalogue.check(f"migrations.{id}").item.remedy
    for id in ("row_security", "foreign_keys_indexed", "indexes_valid", "commented"):
        assert verdict(id, PROD, mine).outcome is Outcome.PASS


def test_an_empty_database_passes_nothing() -> None:
    for check in catalogue.MIGRATIONS[10:]:
        name = check.item.id.removeprefix("migrations.")
        assert verdict(name, PROD, own()).outcome in (Outcome.FAIL, Outcome.NOT_APPLICABLE)


def test_tables_without_organizations_need_no_row_security() -> None:
    alone = own("shop.orders", columns={"id": "uuid"}, row_security=False)
    assert verdict("row_security", PROD, alone).outcome is Outcome.NOT_APPLICABLE


def test_the_partition_for_january_is_missed_in_december() -> None:
    facts = replace(FACTS, gathered_at=datetime(2026, 12, 31, tzinfo=UTC))
    december = Break(
        SCHEMA,
        lambda old: replace(
            old,
            relations={
                **old.relations,
                "audit.events_y2026m12": relation("audit.events_y2026m12", kind="partition"),
            },
        ),
    )
    found = verdict("audit_partitions", PROD, december, facts=facts)
    assert found.outcome is Outcome.FAIL
    assert found.actual == "up to 2026-12, without 2027-01"
    assert "2027-01" in found.expected


def test_events_that_nobody_may_break_the_glass_for_are_fine_too() -> None:
    bare = Break(
        SCHEMA,
        lambda old: replace(
            old,
            relations={
                **old.relations,
                "audit.events": replace(old.relations["audit.events"], privileges={}),
            },
        ),
    )
    assert verdict("audit_append_only", PROD, bare).outcome is Outcome.PASS
    assert verdict("audit_append_only", PROD, no_table("audit.events")).outcome is Outcome.FAIL


def test_a_private_ledger_is_one_that_exists() -> None:
    assert verdict("ledger_private", PROD).outcome is Outcome.PASS
    assert verdict("ledger_private", PROD, NO_LEDGER).outcome is Outcome.FAIL
    assert verdict("ledger_private", PROD, Break(LEDGER, having(others={"PUBLIC"}))).actual == (
        "also: PUBLIC"
    )
