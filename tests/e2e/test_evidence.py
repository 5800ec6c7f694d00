"""The evidence log and what is made of it: through the program, and without any server."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e import layer
from tests.e2e.layer import Deployment

ATTESTABLE = "16.12"
"""A line that only a person can decide."""
REPORTS = ("text", "json", "markdown", "junit", "html")
Change = Callable[[list[bytes]], list[bytes]]


@pytest.fixture
def paper(calm: Deployment, tmp_path: Path) -> Deployment:
    """What is left of a deployment whose servers are gone: its directory, copied."""
    while len(layer.records(calm)) < 6:
        calm.rfdata("verify")
    there = tmp_path / "copy"
    there.mkdir()
    for name in ("rfdata.toml", ".env"):
        shutil.copy2(calm.directory / name, there)
    shutil.copytree(calm.directory / "evidence", there / "evidence")
    return Deployment(there, calm.ports)


def swapped(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[3], lines[2], *lines[4:]]


CHANGES: dict[str, tuple[Change, int]] = {
    "altered": (
        lambda lines: [*lines[:2], lines[2].replace(b'"by":"', b'"by":"x', 1), *lines[3:]],
        3,
    ),
    "one digit altered": (
        lambda lines: [*lines[:2], lines[2].replace(b"1", b"2", 1), *lines[3:]],
        3,
    ),
    "removed": (lambda lines: [*lines[:2], *lines[3:]], 3),
    "first removed": (lambda lines: lines[1:], 1),
    "last removed": (lambda lines: lines[:-1], -1),
    "reordered": (swapped, 3),
    "doubled": (lambda lines: [*lines[:3], *lines[2:]], 4),
    "put in": (lambda lines: [*lines[:2], b'{"kind": "attested"}\n', *lines[2:]], 3),
    "emptied": (lambda lines: [], 0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_log_is_found_and_the_line_is_named(paper: Deployment, change: str) -> None:
    do, number = CHANGES[change]
    lines = paper.evidence_log.read_bytes().splitlines(keepends=True)
    paper.evidence_log.write_bytes(b"".join(do(lines)))
    number = number if number >= 0 else len(lines) - 1
    broken = paper.rfdata("evidence", "verify", code=1)
    if number:
        assert f"line {number}:" in broken.out
    found = paper.rfdata("evidence", "verify", "--format", "json", code=1).json
    assert found["ok"] is False
    assert number in [problem["line"] for problem in found["problems"]]


def test_a_whole_log_is_said_to_be_whole(paper: Deployment) -> None:
    found = paper.rfdata("evidence", "verify", "--format", "json").json
    records = layer.records(paper)
    assert found["ok"] is True
    assert (found["records"], found["head"]) == (len(records), records[-1]["hash"])
    assert records[-1]["hash"] in paper.rfdata("evidence", "verify").out


def test_a_broken_log_stops_everything_that_would_write_on(live: Deployment) -> None:
    """And it is told with file and line, before anything is changed."""
    whole = live.evidence_log.read_bytes()
    lines = whole.splitlines(keepends=True)
    live.evidence_log.write_bytes(b"".join([*lines[:-1], lines[-1].replace(b"1", b"2", 1)]))
    live.set("redis", "maxmemory", '"1100MB"')
    try:
        for verb in (("up", "--yes"), ("verify",), ("attest", ATTESTABLE, "--by=A", "--note=b")):
            with layer.nothing_changes(live.directory):
                refused = live.rfdata(*verb, code=2)
            assert f"line {len(lines)}" in refused.err
            assert "evidence verify" in refused.err
        assert live.redis_setting("maxmemory") == str(1024**3)
    finally:
        live.evidence_log.write_bytes(whole)


def test_list_shows_the_newest_records_oldest_first(paper: Deployment) -> None:
    records = layer.records(paper)
    shown = paper.rfdata("evidence", "list", "--last", "3", "--format", "json").json
    assert [entry["seq"] for entry in shown] == [record["seq"] for record in records[-3:]]
    assert len(paper.rfdata("evidence", "list", "--last", "3").out.splitlines()) == 3
    paper.rfdata("evidence", "list", "--last", "0", code=2)


def test_every_change_and_verdict_is_on_record(calm: Deployment) -> None:
    kinds = [record["kind"] for record in layer.records(calm)]
    assert kinds[:4] == ["applying", "drill", "applied", "verified"]
    first, _, second = layer.records(calm)[:3]
    assert first["data"]["plan"] == second["data"]["plan"]
    assert len(first["data"]["steps"]) > 20


# --- reports


def test_every_report_is_made_without_a_server(paper: Deployment, tmp_path: Path) -> None:
    verified = [record for record in layer.records(paper) if record["kind"] == "verified"][-1]
    for form in REPORTS:
        shown = paper.rfdata("report", "--format", form).out
        target = tmp_path / f"report.{form}"
        paper.rfdata("report", "--format", form, "--out", target)
        assert verified["hash"] in shown or form == "junit"
        if form != "text":
            assert target.read_text(encoding="utf-8") == shown


def test_the_json_report_keeps_the_contract(paper: Deployment) -> None:
    report = paper.rfdata("report", "--format", "json").json
    assert report["schema"] == "rfdata/report/1"
    assert {"profile", "target", "config_digest", "evidence_head", "started_at"} <= set(report)
    lines = [line["id"] for line in report["lines"]]
    assert len(lines) == len(set(lines)) == report["summary"]["lines"] == layer.LINES
    checks = {check["id"] for check in report["checks"]}
    for line in report["lines"]:
        assert {"id", "section", "text", "outcome", "decided_by"} <= set(line)
        decided = [
            by for by in line["decided_by"] if not re.match(r"(drill|capability|target):", by)
        ]
        assert {by for by in decided if by != "attestation"} <= checks
    for check in report["checks"]:
        assert {"id", "outcome", "severity", "expected", "actual", "read_from", "remedy"} <= set(
            check
        )
        assert check["outcome"] != "pass" or check["read_from"], check["id"]


def test_the_markdown_report_is_the_checklist_with_its_boxes(paper: Deployment) -> None:
    text = paper.rfdata("report", "--format", "markdown").out
    assert len(re.findall(r"^\s*[-*] \[[ x]\] ", text, re.M)) == layer.LINES


def test_the_junit_report_counts_every_line(paper: Deployment) -> None:
    root = ET.fromstring(paper.rfdata("report", "--format", "junit").out)
    assert len(list(root.iter("testcase"))) >= layer.LINES
    assert not list(root.iter("failure"))


def test_the_html_report_needs_no_network(paper: Deployment) -> None:
    text = paper.rfdata("report", "--format", "html").out
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", text)
    assert "@import" not in text
    assert "url(http" not in text


def test_a_report_before_any_verification_says_what_to_do(make: Callable[..., Deployment]) -> None:
    refused = make().rfdata("report", code=2)
    assert "rfdata verify" in refused.err


def test_a_format_that_there_is_not_is_refused_with_those_there_are(paper: Deployment) -> None:
    refused = paper.rfdata("report", "--format", "pdf", code=2)
    assert "pdf" in refused.err
    assert "markdown" in refused.err


# --- a person's word


def line_of(found: Deployment, line: str) -> dict[str, str]:
    report = found.rfdata("verify", "--line", line, "--format", "json", code=(0, 1, 3)).json
    [shown] = report["lines"]
    return dict(shown)


def test_an_attestation_decides_its_line_until_it_expires(live: Deployment) -> None:
    assert line_of(live, ATTESTABLE)["outcome"] == "attest"
    said = live.rfdata(
        "attest", ATTESTABLE, "--by", "Ada Lovelace", "--note", "looked at it", "--days", "2"
    )
    assert "Ada Lovelace" in said.out
    shown = line_of(live, ATTESTABLE)
    assert shown["outcome"] == "attested"
    assert "Ada Lovelace" in shown["reason"]
    record = layer.records(live)[-1]
    assert (record["kind"], record["data"]["line"]) == ("attested", ATTESTABLE)
    report = live.verify()
    assert layer.outcomes(report)[0][ATTESTABLE] == "attested"
    assert report["summary"]["attested"] == 1


def test_a_waived_line_is_waived_and_what_it_says_stays_visible(live: Deployment) -> None:
    live.admin("redis", "CONFIG", "SET", "maxmemory-policy", "noeviction")
    report = live.verify(code=1)
    failing = sorted(line["id"] for line in report["lines"] if line["outcome"] == "fail")
    assert failing
    for line in failing:
        live.rfdata("waive", line, "--by", "Ada Lovelace", "--note", "known", "--days", "1")
    lines, checks = layer.outcomes(live.verify(code=(0, 1)))
    assert {lines[line] for line in failing} == {"waived"}
    assert checks["redis.evicts"] == "fail"


REFUSED = {
    "a line that there is not": ("attest", "99.1", "--by=A", "--note=b"),
    "a line that checks decide": ("attest", "2.6", "--by=A", "--note=b"),
    "no name": ("attest", ATTESTABLE, "--by= ", "--note=b"),
    "no note": ("waive", "2.6", "--by=A", "--note="),
    "no options": ("attest", ATTESTABLE),
    "no days": ("waive", "2.6", "--by=A", "--note=b", "--days=0"),
    "days without end": ("waive", "2.6", "--by=A", "--note=b", "--days=999999999999"),
    "days before today": ("attest", ATTESTABLE, "--by=A", "--note=b", "--days=-3"),
    "a check that there is not": ("verify", "--check", "postgres.nonsense"),
    "a section that there is not": ("verify", "--section", "1"),
    "a line to verify that there is not": ("verify", "--line", "2.999"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_statement_that_makes_no_sense_is_refused(calm: Deployment, case: str) -> None:
    with layer.nothing_changes(calm.directory):
        refused = calm.rfdata(*REFUSED[case], code=2)
    assert refused.err.strip()


# --- a part of the checklist


def test_a_part_of_the_checklist_is_verified_and_leaves_no_evidence(calm: Deployment) -> None:
    with layer.nothing_changes(calm.directory):
        for options, lines in (
            (("--line", "2.6", "--line", "9.2"), {"2.6", "9.2"}),
            (("--section", "7"), {f"7.{number}" for number in range(1, 9)}),
            (("--check", "postgres.checksums"), set()),
        ):
            report = calm.rfdata("verify", *options, "--format", "json").json
            assert {line["id"] for line in report["lines"]} == lines
            assert report["checks"]


def test_every_check_can_be_looked_up(calm: Deployment) -> None:
    for check in calm.rfdata("checks", "list", "--format", "json").json[::25]:
        shown = calm.rfdata("checks", "show", check["id"], "--format", "json").json
        assert shown["why"]
        assert shown["remedy"]
        assert [line["id"] for line in shown["lines"]] == check["lines"]
    calm.rfdata("checks", "show", "postgres.nonsense", code=2)
