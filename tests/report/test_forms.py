"""Terminal, Markdown and JUnit: right sums, right width, and no way out for hostile text."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections import Counter
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len
from rich.console import Console

from rfdata.model.verdict import Outcome, Report
from rfdata.report import junit, markdown, render, terminal

SHAPES = ["small", "whole", "hostile"]


@pytest.fixture(params=SHAPES)
def report(request: pytest.FixtureRequest) -> Report:
    found: Report = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("width", [40, 80, 160])
def test_no_line_is_wider_than_the_terminal(report: Report, width: int) -> None:
    for everything in (False, True):
        stream = io.StringIO()
        console = Console(file=stream, width=width, soft_wrap=True)
        terminal.print_report(report, console, everything=everything)
        for line in stream.getvalue().splitlines():
            assert cell_len(line) <= width
            assert line == line.rstrip()


def test_no_colour_and_no_escapes_where_nobody_sees_them(report: Report) -> None:
    assert "\x1b" not in terminal.text(report)


def test_colours_on_a_terminal(small: Report) -> None:
    stream = io.StringIO()
    terminal.print_report(small, Console(file=stream, force_terminal=True, color_system="standard"))
    assert "\x1b[1;31mFail (1)" in stream.getvalue()


def test_plain_ascii_where_the_terminal_knows_no_more(report: Report) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    terminal.print_report(report, Console(file=stream, width=80), everything=True)
    stream.flush()
    assert raw.getvalue().isascii()


def test_a_failure_says_all_that_is_known(small: Report) -> None:
    text = terminal.text(small)
    for said in ("postgres.checksums", "expected   on", "found      off", "read from  pg_settings"):
        assert said in text
    assert "remedy     remedy of postgres.checksums" in text
    assert "1 of 8 lines fails, and 1 could not be read." in text
    assert "backups  3.2" in text
    assert "Checks outside the checklist (1)" in text
    assert "Passes" not in text


def test_what_could_not_be_read_is_told_by_its_cause(small: Report) -> None:
    text = terminal.text(small)
    assert (
        "Unknown (1)\n  not reached within 5 s\n    read from  pg_settings\n    lines      3.1\n"
        in text
    )


def test_everything_shows_what_passes_too(small: Report) -> None:
    stream = io.StringIO()
    terminal.print_report(small, Console(file=stream, width=80), everything=True)
    assert all(line.text in stream.getvalue() for line in small.lines)


def test_a_check_that_fails_many_lines_is_shown_once(whole: Report) -> None:
    assert terminal.text(whole).count("remedy  ") <= 2


def test_markdown_ticks_what_is_settled_by_proof_or_word(report: Report) -> None:
    text = markdown.render(report)
    boxes = re.findall(r"^- \[([ x])\] \*\*\d+\.\d+\*\* ", text, re.MULTILINE)
    ticked = report.count(Outcome.PASS) + report.count(Outcome.ATTESTED)
    assert Counter(boxes) == Counter({"x": ticked, " ": len(report.lines) - ticked})
    assert len(re.findall(r"^\s*- \[", text, re.MULTILINE)) == len(report.lines)
    without_code = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert "`" not in without_code.replace("\\`", "")
    assert "<" not in without_code


def test_markdown_tells_each_outcome_and_deviation(small: Report) -> None:
    text = markdown.render(small)
    assert (
        "- [ ] **2.2** Fails — **fail**\n  - `postgres.checksums` **fail**; expected `on`, found `off`"
        in text
    )
    assert "    - What to do: remedy of postgres.checksums" in text
    assert "  - Differs from the checklist: we look at the live thing" in text
    assert "- [x] **9.2** Given — **attested**: attested by Ada" in text
    assert "## Checks outside the checklist" in text


def test_junit_has_one_case_for_each_line(report: Report) -> None:
    root = ElementTree.fromstring(junit.render(report))
    cases = root.findall("testsuite/testcase")
    assert len(cases) == len(report.lines) == int(root.get("tests", ""))
    for kind, outcomes in {
        "failure": [Outcome.FAIL],
        "error": [Outcome.UNKNOWN],
        "skipped": [Outcome.PENDING, Outcome.ATTEST, Outcome.WAIVED, Outcome.NOT_APPLICABLE],
    }.items():
        found = [case for case in cases if case.find(kind) is not None]
        assert len(found) == sum(report.count(outcome) for outcome in outcomes)
        total = {"failure": "failures", "error": "errors"}.get(kind, kind)
        assert root.get(total) == str(len(found))
        suites = root.findall("testsuite")
        assert sum(int(suite.get(total, "")) for suite in suites) == len(found)


def test_junit_says_why(small: Report) -> None:
    root = ElementTree.fromstring(junit.render(small))
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.get("message") == "Fail: postgres.checksums: expected on; found off"
    assert "what to do: remedy of postgres.checksums" in (failure.text or "")


def test_every_file_and_every_form(small: Report) -> None:
    written = dict(render.every_file(small))
    assert list(written) == ["report.json", "checklist.md", "junit.xml", "report.html"]
    assert render.one(small, "text") == terminal.text(small)
    assert all(content.endswith("\n") for content in written.values())


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys; from rfdata.report import build, html, junit, markdown, outline, render, terminal;"
        "from rfdata.evidence import log;"
        "print([m for m in ('jinja2', 'rich', 'pydantic', 'cryptography') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
