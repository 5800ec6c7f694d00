"""Proof as people and programs get it: verify, report, attest, waive, evidence, checks; and the docs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cli.program import call, untouched
from tests.e2e import layer
from tests.e2e.layer import LINES, Deployment

from rfdata.cli.later import LATER
from rfdata.model.verdict import Outcome, worst

REPOSITORY = Path(__file__).parents[2]
OUTCOMES = [outcome.value for outcome in Outcome]
BOXES = dict.fromkeys(range(2, 17), 0)


def verify(found: Deployment, *options: str, code: int = 0) -> dict[str, Any]:
    said = call("-C", found.directory, "verify", "--format", "json", *options, code=code)
    assert said.err == ""
    report: dict[str, Any] = said.json
    return report


# --- the contract


@pytest.fixture(scope="module")
def report(live: Deployment) -> dict[str, Any]:
    return verify(live)


def test_the_report_has_what_the_contract_names(report: dict[str, Any], live: Deployment) -> None:
    text = (REPOSITORY / "docs" / "contracts.md").read_text(encoding="utf-8")
    contract = text.partition("## `rfdata verify --format json`")[2].partition("```")[2]
    named = contract.partition("```")[0]
    head, _, rest = named.partition('"summary"')
    lines, _, checks = rest.partition('"checks":')
    assert report["schema"] == "rfdata/report/1"
    assert set(report) == {*words(head), "summary", "lines", "checks"}
    for line in report["lines"]:
        assert set(line) == {*words(lines.partition('"lines":  [')[2])}
    for check in report["checks"]:
        assert set(check) == {*words(checks)}
    assert report["deployment"] == live.settings["deployment"]["name"]
    assert (report["profile"], report["target"]) == ("prod", "native")


def words(text: str) -> list[str]:
    """The keys that a part of the contract names."""
    return list(re.findall(r'"([a-z_]+)"', text))


def test_the_summary_adds_up(report: dict[str, Any]) -> None:
    summary = dict(report["summary"])
    assert summary.pop("lines") == len(report["lines"]) == LINES
    assert list(summary) == OUTCOMES
    found = Counter(line["outcome"] for line in report["lines"])
    assert summary == {outcome: found[outcome] for outcome in OUTCOMES}


def test_lines_have_the_ids_of_the_checklist(report: dict[str, Any]) -> None:
    ids = [line["id"] for line in report["lines"]]
    assert len(set(ids)) == LINES
    assert (ids[0], ids[-1]) == ("2.1", "16.14")
    counted: Counter[int] = Counter()
    for line in report["lines"]:
        counted[line["section"]] += 1
        assert line["id"] == f"{line['section']}.{counted[line['section']]}"
    assert set(counted) == set(range(2, 17))


def test_every_line_is_the_worst_of_what_decides_it(report: dict[str, Any]) -> None:
    checks = {check["id"]: check["outcome"] for check in report["checks"]}
    for line in report["lines"]:
        assert line["decided_by"], line
        names = [name for name in line["decided_by"] if ":" not in name and name != "attestation"]
        assert set(names) <= set(checks), line
        if names == line["decided_by"]:
            assert line["outcome"] == worst(Outcome(checks[name]) for name in names), line
        assert bool(line["reason"]) is (line["outcome"] != "pass"), line


def test_every_check_says_all_that_a_person_needs(report: dict[str, Any]) -> None:
    for check in report["checks"]:
        assert check["outcome"] in OUTCOMES
        assert check["severity"] in ("critical", "high", "medium", "low")
        assert check["why"], check
        assert check["remedy"], check
        if check["outcome"] == "not_applicable":
            continue  # nothing was read, so there may be neither a reading nor its times
        assert check["expected"], check
        assert check["actual"], check
        if check["outcome"] == "pass":
            assert check["read_from"], check
        started, finished = (
            datetime.fromisoformat(check[k]) for k in ("started_at", "finished_at")
        )
        assert started.utcoffset() == timedelta(0)
        assert started <= finished


def test_a_whole_verification_is_evidence_and_a_part_is_none(live: Deployment) -> None:
    before = len(layer.records(live))
    whole = verify(live)
    assert whole["evidence_head"] == layer.records(live)[-1]["hash"]
    assert len(layer.records(live)) == before + 1
    with untouched(live.directory):
        assert verify(live, "--section", "2")["evidence_head"] == ""


# --- selection


@pytest.mark.parametrize("section", sorted(BOXES))
def test_one_section_is_decided_as_in_the_whole(
    live: Deployment, report: dict[str, Any], section: int
) -> None:
    part = verify(live, "--section", str(section))
    wanted = [line["id"] for line in report["lines"] if line["section"] == section]
    assert [line["id"] for line in part["lines"]] == wanted
    assert part["summary"]["lines"] == len(wanted)
    needed = {name for line in part["lines"] for name in line["decided_by"]}
    assert {check["id"] for check in part["checks"]} <= needed


def test_lines_sections_and_checks_can_be_mixed(live: Deployment) -> None:
    part = verify(
        live, "--line", "16.1", "--line", "2.15", "--section", "3", "--check", "host.watch_alive"
    )
    ids = [line["id"] for line in part["lines"]]
    assert [id for id in ids if not id.startswith("3.")] == ["2.15", "16.1"]
    checks = {check["id"] for check in part["checks"]}
    assert {"postgres.encoding", "postgres.locale", "host.watch_alive"} <= checks


def test_a_check_alone_brings_no_line(live: Deployment) -> None:
    part = verify(live, "--check", "postgres.checksums")
    assert [check["id"] for check in part["checks"]] == ["postgres.checksums"]
    assert part["lines"] == []
    assert part["summary"]["lines"] == 0


# --- a person's word


def line_of(report: dict[str, Any], id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(line for line in report["lines"] if line["id"] == id)
    return found


def test_an_attested_line_names_who_and_until_when(live: Deployment) -> None:
    before = verify(live)
    line = next(each["id"] for each in before["lines"] if each["outcome"] == "attest")
    said = call(
        *("-C", live.directory, "attest", line, "--by", " Ada Lovelace ", "--note", "ticket 17"),
        *("--days", "30", "--format", "json"),
        code=0,
    ).json
    until = datetime.fromisoformat(said["until"])
    assert timedelta(days=29, hours=23) < until - datetime.now(UTC) <= timedelta(days=30)
    after = verify(live)
    found = line_of(after, line)
    assert found["outcome"] == "attested"
    for part in ("Ada Lovelace", f"{until:%Y-%m-%d}", "ticket 17"):
        assert part in found["reason"], found
    assert after["summary"]["attested"] == before["summary"]["attested"] + 1


@contextmanager
def log_statement_changed(live: Deployment) -> Iterator[None]:
    """As somebody does it by hand, behind rfdata's back."""
    with live.operator() as operator:
        operator.execute("ALTER SYSTEM SET log_statement = 'none'")
        operator.execute("SELECT pg_reload_conf()")
        layer.wait_for("the reload", lambda: live.setting("log_statement") == "none")
        try:
            yield
        finally:
            operator.execute("ALTER SYSTEM RESET log_statement")
            operator.execute("SELECT pg_reload_conf()")
    layer.wait_for("the reload", lambda: live.setting("log_statement") == "ddl")


@pytest.fixture
def failing(live: Deployment) -> Iterator[Deployment]:
    with log_statement_changed(live):
        yield live


def test_a_failing_line_is_shown_with_expected_found_and_remedy(failing: Deployment) -> None:
    found = verify(failing, "--line", "2.23", code=1)
    assert line_of(found, "2.23")["outcome"] == "fail"
    (check,) = found["checks"]
    assert "none" in check["actual"]
    assert "ddl" in check["expected"]
    shown = call("-C", failing.directory, "verify", "--line", "2.23", code=1).out
    assert check["remedy"].split(";")[0] in " ".join(shown.split())


def test_a_waived_line_stays_named_with_owner_and_reason(failing: Deployment) -> None:
    options = ("--by", "Ada Lovelace", "--note", "load test until Friday", "--days", "1")
    call("-C", failing.directory, "waive", "2.23", *options, code=0)
    report = failing.verify(code=None)
    found = line_of(report, "2.23")
    assert found["outcome"] == "waived"
    for part in ("Ada Lovelace", "load test until Friday", "it is fail", "found none"):
        assert part in found["reason"], found
    assert report["summary"]["waived"] == 1
    still = [line["id"] for line in report["lines"] if line["outcome"] == "fail"]
    assert "2.23" not in still, "the others that the same setting decides have no waiver"


def test_a_waiver_hides_nothing_once_the_line_passes(live: Deployment) -> None:
    options = ("--by", "Ada Lovelace", "--note", "no longer needed")
    call("-C", live.directory, "waive", "2.24", *options, code=0)
    assert line_of(verify(live, "--line", "2.24"), "2.24")["outcome"] == "pass"


# --- evidence

Tamper = Callable[[list[str]], list[str]]
TAMPERED: dict[str, tuple[Tamper, str]] = {
    "altered": (lambda lines: [lines[0], lines[1].replace('"by"', '"By"'), *lines[2:]], "line 2:"),
    "removed": (lambda lines: [lines[0], *lines[2:]], "line 2:"),
    "swapped": (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "line 2:"),
    "doubled": (lambda lines: [*lines[:2], lines[1], *lines[2:]], "line 3:"),
    "cut off": (lambda lines: lines[:-1], "missing"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_whatever_was_done_to_the_evidence_is_found(
    live: Deployment, tmp_path: Path, case: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(live.directory, copy)
    call("-C", copy, "evidence", "verify", code=0)
    log = copy / "evidence" / "evidence.jsonl"
    tamper, expected = TAMPERED[case]
    before = log.read_text().splitlines()
    after = tamper(before)
    assert after != before
    log.write_text("".join(f"{line}\n" for line in after))
    with untouched(copy):
        assert expected in call("-C", copy, "evidence", "verify", code=1).out
        found = call("-C", copy, "evidence", "verify", "--format", "json", code=1).json
    assert not found["ok"]
    assert found["problems"][0]["what"]


def test_the_newest_evidence_is_listed_last(live: Deployment) -> None:
    listed = call(
        "-C", live.directory, "evidence", "list", "--last", "2", "--format", "json", code=0
    )
    assert [each["hash"] for each in listed.json] == [r["hash"] for r in layer.records(live)[-2:]]
    shown = call("-C", live.directory, "evidence", "list", "--last", "2", code=0).out.splitlines()
    assert [line.split()[-1] for line in shown] == [each["hash"][:12] for each in listed.json]


# --- reports


def test_every_form_of_the_report_comes_from_evidence_alone(
    live: Deployment, tmp_path: Path
) -> None:
    """The copy's servers are out of reach: its state folder belongs to the original."""
    head = verify(live)["evidence_head"]
    copy = tmp_path / "copy"
    shutil.copytree(live.directory, copy)
    live.rfdata("down", "--yes")
    try:
        shown: dict[str, str] = {}
        for place in (live.directory, copy):
            with untouched(place):
                for form in ("text", "json", "markdown", "junit", "html"):
                    shown[form] = call("-C", place, "report", "--format", form, code=0).out
            assert json.loads(shown["json"])["evidence_head"] == head
            assert head in shown["html"]
            assert len(re.findall(r"^\s*- \[[ x]\]", shown["markdown"], re.M)) == LINES
            suites = ET.fromstring(shown["junit"])
            assert len(list(suites.iter("testcase"))) >= LINES
            assert not re.search(r'(src|href)="https?://', shown["html"])
            assert not [name for name, secret in live.secrets.items() if secret in str(shown)]
        out = tmp_path / "report.md"
        call("-C", copy, "report", "--format", "markdown", "--out", out, code=0)
        assert out.read_text(encoding="utf-8") == shown["markdown"]
    finally:
        live.up()


# --- the catalogue


def test_every_check_is_listed_and_shown(report: dict[str, Any]) -> None:
    rows = call("checks", "list", "--format", "json", code=0).json
    assert [row["id"] for row in rows] == [check["id"] for check in report["checks"]]
    shown = call("checks", "list", code=0).out
    for row in rows:
        assert re.search(rf"^{re.escape(row['id'])} +{row['severity']}", shown, re.M)
    for row in rows[::12]:
        one = call("checks", "show", row["id"], "--format", "json", code=0).json
        assert (one["id"], one["severity"]) == (row["id"], row["severity"])
        assert [line["id"] for line in one["lines"]] == row["lines"]
        assert one["why"], one
        assert one["remedy"], one
        text = call("checks", "show", row["id"], code=0).out
        assert one["why"] in text
        assert one["remedy"] in text


# --- what the documentation tells people to type

PAGES = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))


def documented() -> list[str]:
    """Every command line of rfdata in a code block, without its comment; and every help's example."""
    found = []
    for page in PAGES:
        blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
        for line in "\n".join(blocks).splitlines():
            typed = line.strip().removeprefix("$ ").removeprefix(".venv/bin/")
            if typed.startswith("rfdata "):
                found.append(typed.partition("  #")[0].strip())
    return found


COMMANDS = sorted(set(documented()))
HARMLESS = {"plan", "status", "verify", "checks", "evidence", "attest", "report"}


def test_the_documentation_shows_commands() -> None:
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("typed", COMMANDS)
def test_a_documented_command_is_one_that_there_is(typed: str, live: Deployment) -> None:
    words = shlex.split(typed)[1:]
    if words[:1] == ["-C"]:
        words = words[2:]
    assert words[0] not in LATER, "what is pending is no part of a tour"
    verb = [word for word in words[:2] if re.fullmatch(r"[a-z]+", word)]
    group = verb[0] in ("checks", "evidence", "certs", "runtime", "migrate")
    help = call(*(verb if group else verb[:1]), "--help", code=0).out
    for option in (word for word in words if word.startswith("--")):
        assert option.partition("=")[0] in help
    if words[0] in HARMLESS:
        assert call("-C", live.directory, *words, code=0).out


def test_the_examples_of_every_help_are_right(live: Deployment, tmp_path: Path) -> None:
    """Those that name a line or a check are tried; all others are tried elsewhere."""
    for verb in ("verify", "report", "attest", "waive"):
        (typed,) = re.findall(
            r"Example: (rfdata.*?)\n\n?$", call(verb, "--help", code=0).out + "\n", re.S
        )
        words = shlex.split(" ".join(typed.split()))[1:]
        words = words[2:] if words[0] == "-C" else words
        if "--out" in words:
            words[words.index("--out") + 1] = str(tmp_path / "report.html")
        call("-C", live.directory, *words, code=0)
