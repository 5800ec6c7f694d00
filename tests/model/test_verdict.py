from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfdata.model.verdict import LineResult, Outcome, Report, worst

WORST_FIRST = [
    "fail",
    "unknown",
    "pending",
    "attest",
    "waived",
    "attested",
    "pass",
    "not_applicable",
]
OUTCOMES = st.sampled_from(Outcome)


@given(st.lists(OUTCOMES, min_size=1))
def test_the_worst_is_the_first_of_the_documented_order(outcomes: list[Outcome]) -> None:
    assert worst(outcomes) == min(outcomes, key=WORST_FIRST.index)


@given(st.lists(OUTCOMES, min_size=1), OUTCOMES)
def test_one_more_never_makes_it_better(outcomes: list[Outcome], more: Outcome) -> None:
    before, after = worst(outcomes), worst([*outcomes, more])
    assert after in (before, more)
    assert WORST_FIRST.index(after) <= WORST_FIRST.index(before)


def test_nothing_passes_beside_a_failure_or_an_unknown() -> None:
    for good in set(Outcome) - {Outcome.FAIL, Outcome.UNKNOWN}:
        assert worst([good, Outcome.UNKNOWN]) is Outcome.UNKNOWN
        assert worst([good, Outcome.UNKNOWN, Outcome.FAIL]) is Outcome.FAIL


def test_of_nothing_there_is_no_worst() -> None:
    """A line that nothing decides must not pass by accident."""
    with pytest.raises(ValueError, match="empty"):
        worst([])


def test_outcomes_are_their_own_names() -> None:
    assert [str(outcome) for outcome in Outcome] == WORST_FIRST
    assert all(outcome.value == outcome.name.lower() for outcome in Outcome)


@given(st.lists(OUTCOMES))
def test_a_report_counts_every_line_once(outcomes: list[Outcome]) -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    lines = tuple(
        LineResult(f"2.{n}", 2, "text", outcome, ()) for n, outcome in enumerate(outcomes, start=1)
    )
    empty = Report("x", "prod", "native", "", "", "", moment, moment, (), ())
    report = replace(empty, lines=lines)
    assert {o: report.count(o) for o in Outcome} == {o: outcomes.count(o) for o in Outcome}
