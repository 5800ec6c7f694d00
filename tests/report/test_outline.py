"""The sentences and sums that every form of a report shares."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfdata.model.verdict import LineResult, Outcome, Report
from rfdata.report import outline

F, U, P, A, T = Outcome.FAIL, Outcome.UNKNOWN, Outcome.PENDING, Outcome.ATTEST, Outcome.PASS


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([F, F, U, T], "2 of 4 lines fail, and 1 could not be read."),
        ([F, T], "1 of 2 lines fails."),
        ([U, T], "1 of 2 lines could not be read; none of the others fails."),
        ([P, T], "No line fails."),
        ([A], "No line fails."),
        ([T, Outcome.WAIVED], "All 2 lines are settled."),
        ([T], "The line is settled."),
        ([], "Nothing was verified."),
    ],
)
def test_the_headline(small: Report, outcomes: list[Outcome], said: str) -> None:
    lines = tuple(LineResult(f"2.{n}", 2, "", outcome, ()) for n, outcome in enumerate(outcomes))
    assert outline.headline(replace(small, lines=lines, checks=())) == said


def test_the_headline_of_checks_alone(small: Report) -> None:
    said = outline.headline(replace(small, lines=()))
    assert said == "2 of 4 checks fail, and 1 could not be read."


def test_a_check_outside_the_checklist_is_not_passed_over(small: Report) -> None:
    lines = (LineResult("2.1", 2, "", T, ("postgres.ssl",)),)
    said = outline.headline(replace(small, lines=lines, checks=small.checks[::3]))
    assert said == "No line fails, but 1 check outside the checklist did not pass."


def test_sections_hold_every_line_with_its_evidence(small: Report) -> None:
    sections = outline.sections(small)
    assert [(s.number, len(s.lines), s.settled) for s in sections] == [
        (2, 2, 1),
        (3, 2, 0),
        (9, 4, 3),
    ]
    failing = sections[0].lines[1]
    assert [c.item.id for c in failing.checks] == ["postgres.checksums", "postgres.ssl"]
    assert failing.reason == ""
    assert sections[1].lines[1].others == ("capability:backups",)


def test_a_reason_keeps_what_its_checks_do_not_say(small: Report) -> None:
    line = replace(small.lines[1], reason=f"{small.lines[1].reason}; the waiver by Ada expired")
    found = outline.sections(replace(small, lines=(line,)))[0].lines[0]
    assert found.reason == "the waiver by Ada expired"


@given(st.text())
def test_visible_text_shows_every_character(text: str) -> None:
    shown = outline.visible(text)
    assert all(c == "\n" or c.isprintable() or c.isspace() or ord(c) > 0xA0 for c in shown)
    assert not set(shown) & set("\x00\x07\x1b\x7f\x9b\r\u202e\u2066\u200b\ufeff\ud800\ufffe")
    shown.encode("utf-8")
