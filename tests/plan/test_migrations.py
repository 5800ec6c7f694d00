"""When the schema changes by itself, and when a person is asked for something first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.plan.settled import changed, plan, settled_config, settled_facts

from rfdata.config.load import Config
from rfdata.errors import Unreachable, UsageError
from rfdata.model.facts import Facts, FileState, Ledger, MigrationFile, Problem, without
from rfdata.model.plan import Migrate, Rehearse, Step
from rfdata.plan.migrations import Leave, refusal, require

PROD = settled_config(Path("/srv/deployment"))
DEV = settled_config(Path("/srv/deployment"), '[deployment]\nprofile = "dev"\n')
NEXT = MigrationFile(9999, "9999_next", "c" * 64, "d" * 64, "", transactional=True)


def with_pending(config: Config, file: MigrationFile = NEXT, *, empty: bool = False) -> Facts:
    """The settled layer with one migration more in its folder; or with nothing in its database."""
    facts = settled_facts(config)
    folder, ledger = facts.migrations.folder.value, facts.migrations.ledger.value
    facts = changed(facts, "migrations.folder", replace(folder, files=(*folder.files, file)))
    entries = () if empty else ledger.entries
    return changed(facts, "migrations.ledger", Ledger(entries, empty_database=empty))


def rehearsed(facts: Facts, file: MigrationFile = NEXT) -> Facts:
    tried = facts.migrations.rehearsals.value
    passed = replace(
        tried[-1], checksums={file.name: f"{file.checksum}+{file.rollback}"}, passed=True
    )
    return changed(facts, "migrations.rehearsals", (*tried, passed))


def steps(config: Config, facts: Facts) -> list[Step]:
    return [step for step in plan(config, facts).steps if step.group == "migrations"]


def refused(config: Config, facts: Facts) -> UsageError:
    found = refusal(config, facts)
    assert found is not None
    assert steps(config, facts) == []
    return found


@pytest.mark.parametrize("config", [PROD, DEV])
def test_nothing_pending_is_nothing_to_do(config: Config) -> None:
    facts = settled_facts(config)
    assert (steps(config, facts), refusal(config, facts)) == ([], None)


def test_dev_applies_at_once() -> None:
    (step,) = steps(DEV, with_pending(DEV))
    assert step.action == Migrate(((NEXT.name, NEXT.checksum),))
    assert (step.stage, step.lane) == ("inside", "postgres")
    assert step.detail == ("+ 9999_next",)


def test_an_empty_production_database_is_filled_after_a_rehearsal() -> None:
    facts = changed(with_pending(PROD, empty=True), "migrations.rehearsals", ())
    count = len(facts.migrations.folder.value.files)
    rehearse, apply = steps(PROD, facts)
    assert isinstance(rehearse.action, Rehearse)
    assert isinstance(apply.action, Migrate)
    assert len(rehearse.action.migrations) == len(apply.action.migrations) == count


def test_what_has_been_rehearsed_is_not_rehearsed_again() -> None:
    rehearse, _ = steps(PROD, with_pending(PROD, empty=True))
    assert isinstance(rehearse.action, Rehearse)
    assert [name for name, _ in rehearse.action.migrations] == [NEXT.name]


def test_a_production_database_with_tables_waits_for_a_rehearsal() -> None:
    error = refused(PROD, with_pending(PROD))
    assert "not rehearsed" in error.message
    assert NEXT.name in error.message
    assert "rfdata migrate rehearse" in error.hint


def test_a_rehearsal_of_another_text_does_not_count() -> None:
    facts = rehearsed(with_pending(PROD), replace(NEXT, checksum="e" * 64))
    assert "not rehearsed" in refused(PROD, facts).message


def test_after_the_rehearsal_it_waits_for_a_backup() -> None:
    error = refused(PROD, rehearsed(with_pending(PROD)))
    assert "backup" in error.message
    assert "--without-backup" in error.hint


def test_a_reason_is_enough_for_those_who_answer_for_it() -> None:
    ledger = settled_facts(PROD).migrations.ledger.value
    require(PROD, (NEXT,), (), ledger, Leave("taken with pg_dump", "it is one comment"))


@pytest.mark.parametrize("empty", [True, False])
def test_production_wants_a_way_back(empty: bool) -> None:
    facts = with_pending(PROD, replace(NEXT, rollback=""), empty=empty)
    error = refused(PROD, facts)
    assert "without a rollback: 9999_next" in error.message
    assert "migrations/rollback/9999_next.sql" in error.hint


def test_dev_does_without_a_way_back() -> None:
    assert len(steps(DEV, with_pending(DEV, replace(NEXT, rollback="")))) == 1


def test_a_broken_folder_keeps_the_servers_from_nothing() -> None:
    facts = with_pending(PROD, empty=True)
    problem = Problem("x.sql", 0, 0, "name", "x.sql has no number", "give it one", "error")
    folder = replace(facts.migrations.folder.value, problems=(problem,))
    facts = changed(facts, "migrations.folder", folder)
    facts = changed(facts, "host.processes.redis", "stopped")
    assert "x.sql has no number" in refused(PROD, facts).message
    assert [step.summary for step in plan(PROD, facts).steps] == ["start redis"]


def test_a_database_that_is_down_is_asked_later() -> None:
    facts = changed(with_pending(DEV), "host.processes.postgres", "stopped")
    facts = without(facts, "migrations.ledger", "down")
    assert (steps(DEV, facts), refusal(DEV, facts)) == ([], None)


def test_a_database_that_does_not_answer_is_not_planned_for() -> None:
    with pytest.raises(Unreachable, match="nothing can be planned"):
        plan(DEV, without(with_pending(DEV), "migrations.ledger", "no answer"))


@pytest.mark.parametrize(
    "gone",
    [
        lambda facts: changed(facts, "postgres.databases", frozenset({"postgres"})),
        lambda facts: changed(
            changed(facts, "host.processes.postgres", "stopped"),
            "host.data.postgres",
            FileState(exists=False),
        ),
    ],
    ids=["no database", "no cluster"],
)
def test_where_there_is_nothing_yet_all_is_pending(gone: Callable[[Facts], Facts]) -> None:
    facts = without(gone(settled_facts(DEV)), "migrations.ledger", "nobody there")
    (step,) = steps(DEV, facts)
    assert isinstance(step.action, Migrate)
    assert len(step.action.migrations) == len(facts.migrations.folder.value.files)
