"""From checks to lines: the worst decides; waivers and attestations; selecting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.checklist.healthy import (
    NOW,
    external_config,
    external_facts,
    healthy_config,
    healthy_facts,
)

from rfdata.checklist import catalogue
from rfdata.checklist.decide import decide_line, decide_lines, run_checks, select
from rfdata.checklist.item import item
from rfdata.checklist.line import Line
from rfdata.config.load import Config
from rfdata.errors import UsageError
from rfdata.model.evidence import Statement, Statements
from rfdata.model.facts import Facts
from rfdata.model.verdict import CheckResult, Item, LineResult, Outcome, Verdict, worst

CONFIG = healthy_config(Path("/srv/researchflow"))
FACTS = healthy_facts(CONFIG)
EXTERNAL = external_config(Path("/srv/researchflow"))
NOTHING = Statements({}, {})


def result(id: str, outcome: Outcome) -> CheckResult:
    known = Item(id, "high", "why", "remedy")
    return CheckResult(known, Verdict(outcome, "on", "off", "pg_settings", f"note of {id}"))


def said(days: int = 30, *, by: str = "Ada") -> Statement:
    """A word given yesterday that holds for so many days from now."""
    return Statement(
        "1.1", by, "a good reason", NOW - timedelta(days=1), NOW + timedelta(days=days)
    )


def decided(
    line: Line,
    outcomes: Iterable[Outcome] = (),
    *,
    attested: Statement | None = None,
    waived: Statement | None = None,
    config: Config = CONFIG,
) -> LineResult:
    results = {f"c.{n}": result(f"c.{n}", outcome) for n, outcome in enumerate(outcomes)}
    statements = Statements(
        {line.id: attested} if attested else {}, {line.id: waived} if waived else {}
    )
    return decide_line(replace(line, checks=tuple(results)), config, results, statements, NOW)


LINE = Line("1.1", "Something is so")


@given(st.lists(st.sampled_from(list(Outcome)), min_size=1))
def test_a_line_is_as_good_as_the_worst_of_its_checks(outcomes: list[Outcome]) -> None:
    found = decided(LINE, outcomes)
    assert found.outcome is worst(outcomes)
    assert all(found.outcome is worst([found.outcome, outcome]) for outcome in outcomes)
    assert found.decided_by == tuple(f"c.{n}" for n in range(len(outcomes)))


@given(st.lists(st.sampled_from(list(Outcome)), min_size=1), st.booleans(), st.booleans())
def test_what_is_to_come_counts_as_well(
    outcomes: list[Outcome], pending: bool, attest: bool
) -> None:
    line = replace(
        LINE, pending="backups: soon" if pending else "", attest="I did." if attest else ""
    )
    extra = [Outcome.PENDING] * pending + [Outcome.ATTEST] * attest
    assert decided(line, outcomes).outcome is worst([*outcomes, *extra])


@given(st.lists(st.sampled_from(list(Outcome)), min_size=1))
def test_a_waiver_covers_what_is_not_good_and_nothing_else(outcomes: list[Outcome]) -> None:
    before = worst(outcomes)
    found = decided(LINE, outcomes, waived=said())
    waivable = {Outcome.FAIL, Outcome.UNKNOWN, Outcome.PENDING, Outcome.ATTEST}
    assert found.outcome is (Outcome.WAIVED if before in waivable else before)


def test_a_passing_line_has_no_reason() -> None:
    found = decided(LINE, [Outcome.PASS, Outcome.NOT_APPLICABLE])
    assert found.outcome is Outcome.PASS
    assert found.reason == ""
    assert found.section == 1


def test_reasons_name_the_checks() -> None:
    found = decided(LINE, [Outcome.PASS, Outcome.FAIL, Outcome.UNKNOWN])
    assert found.reason == "c.1: expected on; found off"
    found = decided(LINE, [Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.ATTEST])
    assert found.reason == "c.0: note of c.0; c.1: note of c.1"


def test_pending_names_the_capability() -> None:
    found = decided(replace(LINE, pending="backups: a nightly schedule"))
    assert found.outcome is Outcome.PENDING
    assert found.decided_by == ("capability:backups",)
    assert found.reason == "a later version brings backups: a nightly schedule"


def test_a_drill_that_this_version_lacks_is_pending() -> None:
    found = decided(replace(LINE, drill="restore"), [Outcome.PASS])
    assert found.outcome is Outcome.PENDING
    assert found.decided_by == ("c.0", "drill:restore")


def test_somebody_has_to_vouch() -> None:
    line = replace(LINE, attest="I have read it.")
    found = decided(line)
    assert found.outcome is Outcome.ATTEST
    assert found.reason == "nobody vouches yet: I have read it."
    found = decided(line, attested=said())
    assert found.outcome is Outcome.ATTESTED
    assert found.decided_by == ("attestation",)
    assert found.reason == "attested by Ada on 2026-01-31, until 2026-03-03: a good reason"


def test_an_expired_word_is_none() -> None:
    found = decided(replace(LINE, attest="I have read it."), attested=said(0))
    assert found.outcome is Outcome.ATTEST
    assert found.reason == "expired 2026-02-01 (by Ada); nobody vouches yet: I have read it."


def test_a_word_does_not_help_against_a_failure() -> None:
    line = replace(LINE, attest="I have read it.")
    assert decided(line, [Outcome.FAIL], attested=said()).outcome is Outcome.FAIL
    assert decided(line, [Outcome.UNKNOWN], attested=said()).outcome is Outcome.UNKNOWN


def test_a_word_stands_for_a_host_that_we_may_not_see() -> None:
    assert decided(LINE, [Outcome.PASS, Outcome.ATTEST]).outcome is Outcome.ATTEST
    found = decided(LINE, [Outcome.PASS, Outcome.ATTEST], attested=said())
    assert found.outcome is Outcome.ATTESTED


def test_a_waiver_says_who_why_and_until_when() -> None:
    found = decided(LINE, [Outcome.FAIL], waived=said())
    assert found.reason == (
        "waived by Ada on 2026-01-31, until 2026-03-03: a good reason; "
        "it is fail: c.0: expected on; found off"
    )


def test_an_expired_waiver_waives_nothing() -> None:
    found = decided(LINE, [Outcome.FAIL], waived=said(0))
    assert found.outcome is Outcome.FAIL
    assert found.reason.endswith("the waiver by Ada expired on 2026-02-01")


def test_a_line_for_another_place_does_not_apply() -> None:
    line = replace(LINE, not_native="no containers here", pending="compose: it will")
    found = decided(line, [Outcome.FAIL])
    assert (found.outcome, found.decided_by) == (Outcome.NOT_APPLICABLE, ("target:native",))
    assert found.reason == "no containers here"
    assert decided(line, [Outcome.FAIL], config=EXTERNAL).outcome is Outcome.FAIL
    line = replace(LINE, not_external="not ours")
    assert decided(line, [Outcome.FAIL], config=EXTERNAL).decided_by == ("target:external",)
    dev = healthy_config(Path("/srv"), '[deployment]\nprofile = "dev"\n')
    line = replace(LINE, not_dev="production only")
    assert decided(line, [Outcome.FAIL], config=dev).decided_by == ("profile:dev",)
    assert decided(line, [Outcome.FAIL]).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("config", "facts"),
    [(CONFIG, FACTS), (EXTERNAL, external_facts(EXTERNAL))],
    ids=["native", "external"],
)
def test_every_line_is_decided(config: Config, facts: Facts) -> None:
    results = run_checks(catalogue.CHECKS, config, facts)
    lines = decide_lines(catalogue.LINES, config, results, NOTHING, NOW)
    assert len(lines) == 244
    assert Outcome.FAIL not in {line.outcome for line in lines}
    for line in lines:
        assert line.decided_by
        assert line.reason or line.outcome is Outcome.PASS
    if config is CONFIG:
        assert Outcome.UNKNOWN not in {line.outcome for line in lines}


def test_a_bug_in_a_check_is_unknown() -> None:
    @item("test.broken", severity="low", remedy="mend it")
    def broken(config: Config, facts: Facts) -> Verdict:
        """A bug is not the layer's fault."""
        raise ZeroDivisionError("by zero")

    (found,) = run_checks([broken], CONFIG, FACTS)
    assert found.verdict.outcome is Outcome.UNKNOWN
    assert "ZeroDivisionError" in found.verdict.note
    assert found.verdict.started_at is not None


def test_selecting_nothing_selects_everything() -> None:
    found = select(catalogue.CHECKS, catalogue.LINES)
    assert (found.checks, found.lines) == (catalogue.CHECKS, catalogue.LINES)


def test_selecting_lines_brings_their_checks() -> None:
    found = select(catalogue.CHECKS, catalogue.LINES, line_ids=["2.5"], sections=[14])
    assert [line.id for line in found.lines] == ["2.5", *(f"14.{n}" for n in range(1, 8))]
    needed = {id for line in found.lines for id in line.checks}
    assert {check.item.id for check in found.checks} == needed
    results = run_checks(found.checks, CONFIG, FACTS)
    assert len(decide_lines(found.lines, CONFIG, results, NOTHING, NOW)) == 8


def test_selecting_a_check_brings_no_line() -> None:
    found = select(catalogue.CHECKS, catalogue.LINES, check_ids=["postgres.fsync"])
    assert [check.item.id for check in found.checks] == ["postgres.fsync"]
    assert found.lines == ()


@pytest.mark.parametrize(
    ("wish", "near"),
    [
        ({"check_ids": ["postgres.fsnyc"]}, "postgres.fsync"),
        ({"line_ids": ["2.99"]}, "2.9"),
        ({"sections": [17]}, "1"),
    ],
)
def test_what_there_is_not_is_refused_with_what_is_near(
    wish: dict[str, list[str]], near: str
) -> None:
    with pytest.raises(UsageError) as error:
        select(catalogue.CHECKS, catalogue.LINES, **wish)  # type: ignore[arg-type]
    assert near in error.value.hint
