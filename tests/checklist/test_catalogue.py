"""Checks and lines fit together, and the lines are the checklist's."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from rfdata.checklist import catalogue
from rfdata.checklist.line import Line

BOXES = {2: 26, 3: 21, 4: 15, 5: 15, 6: 8, 7: 8, 8: 8, 9: 32, 10: 16, 11: 17, 12: 24, 13: 20, 14: 7, 15: 13, 16: 14}  # fmt: skip
"""How many boxes each section of the checklist has."""
CAPABILITIES = {
    "backups",
    "compose",
    "disaster-recovery",
    "drills",
    "monitoring",
    "sign-off",
}


def test_every_box_has_its_line_in_order() -> None:
    expected = [f"{section}.{n}" for section, size in BOXES.items() for n in range(1, size + 1)]
    assert [line.id for line in catalogue.LINES] == expected
    assert len(catalogue.LINES) == 244


def test_check_ids_are_unique_and_in_a_room() -> None:
    ids = [check.item.id for check in catalogue.CHECKS]
    assert [id for id, number in Counter(ids).items() if number > 1] == []
    for id in ids:
        assert re.fullmatch(
            r"(env|deployment|postgres|migrations|redis|redis-durable|probe|tls|host|logs)\.[a-z0-9_-]+",
            id,
        )


def test_every_check_decides_a_line() -> None:
    assert [c.item.id for c in catalogue.CHECKS if not catalogue.lines_of(c.item.id)] == []


@pytest.mark.parametrize("line", catalogue.LINES, ids=lambda line: line.id)
def test_a_line_is_whole(line: Line) -> None:
    for id in line.checks:
        assert catalogue.check(id).item.id == id
    assert len(set(line.checks)) == len(line.checks)
    assert line.checks or line.drill or line.pending or line.attest
    assert 15 < len(line.text) < 120
    assert not line.text.endswith(".")
    assert line.attest == "" or line.attest.endswith(".")
    assert 0 < line.attest_days <= 365


@pytest.mark.parametrize(
    "line", [line for line in catalogue.LINES if line.pending], ids=lambda line: line.id
)
def test_what_is_pending_names_its_capability(line: Line) -> None:
    capability, separator, what = line.pending.partition(": ")
    assert separator
    assert capability in CAPABILITIES
    assert len(what) > 15


def test_nothing_is_said_twice_in_one_section() -> None:
    texts = Counter(line.text for line in catalogue.LINES)
    assert [text for text, number in texts.items() if number > 1] == []


def test_lookups() -> None:
    assert catalogue.check("postgres.fsync").item.severity == "critical"
    assert catalogue.line("2.21").id == "2.21"
    assert "2.21" in [line.id for line in catalogue.lines_of("postgres.fsync")]
    assert catalogue.lines_of("no.such_check") == ()
    with pytest.raises(KeyError):
        catalogue.check("no.such_check")
