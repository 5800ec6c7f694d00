"""The contract `rfdata/report/1`, out and back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfdata.errors import UsageError
from rfdata.evidence import log
from rfdata.model.verdict import CheckResult, Item, LineResult, Outcome, Report, Verdict
from rfdata.report import build

moments = st.datetimes(timezones=st.just(UTC))
outcomes = st.sampled_from(Outcome)
items = st.builds(Item, severity=st.sampled_from(["critical", "high", "medium", "low"]))
verdicts = st.builds(
    Verdict,
    outcome=outcomes,
    started_at=st.none() | moments,
    finished_at=st.none() | moments,
)
reports = st.builds(
    Report,
    started_at=moments,
    finished_at=moments,
    lines=st.lists(st.builds(LineResult, outcome=outcomes), max_size=4).map(tuple),
    checks=st.lists(st.builds(CheckResult, item=items, verdict=verdicts), max_size=4).map(tuple),
)


@given(reports)
def test_what_goes_out_comes_back(report: Report) -> None:
    assert build.from_json(json.loads(json.dumps(build.to_json(report)))) == report


def test_the_contract_to_the_letter(small: Report) -> None:
    data = build.to_json(small)
    assert {key: value for key, value in data.items() if key not in ("lines", "checks")} == {
        "schema": "rfdata/report/1",
        "deployment": "research",
        "profile": "prod",
        "target": "native",
        "runtime": "PostgreSQL 16",
        "config_digest": "c" * 64,
        "evidence_head": "e" * 64,
        "started_at": "2026-11-22T15:30:12.345678+00:00",
        "finished_at": "2026-11-22T15:30:13.845678+00:00",
        "summary": {
            "fail": 1,
            "unknown": 1,
            "pending": 1,
            "attest": 1,
            "waived": 1,
            "attested": 1,
            "pass": 1,
            "not_applicable": 1,
            "lines": 8,
        },
    }
    assert data["lines"][1] == {
        "id": "2.2",
        "section": 2,
        "text": "Fails",
        "outcome": "fail",
        "decided_by": ["postgres.ssl", "postgres.checksums"],
        "reason": "postgres.checksums: expected on; found off",
        "deviation": "we look at the live thing",
    }
    assert data["checks"][1] == {
        "id": "postgres.checksums",
        "outcome": "fail",
        "severity": "high",
        "expected": "on",
        "actual": "off",
        "read_from": "pg_settings",
        "remedy": "remedy of postgres.checksums",
        "started_at": "2026-11-22T15:30:12.345678+00:00",
        "finished_at": "2026-11-22T15:30:13.845678+00:00",
        "why": "why postgres.checksums",
        "note": "",
        "host": False,
    }


def test_through_the_evidence_log(small: Report, tmp_path: Path) -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    evidence = log.append(
        tmp_path / "evidence", "verified", build.to_evidence(small), by="a", version="0", at=at
    )
    newest = log.newest(tmp_path / "evidence", "verified")
    assert newest is not None
    assert build.from_evidence(newest) == replace(small, evidence_head=evidence.hash)


@pytest.mark.parametrize(
    "change", [{"schema": "rfdata/report/9"}, {"lines": 7}, {"started_at": "x"}]
)
def test_anything_else_is_refused(small: Report, change: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        build.from_json({**build.to_json(small), **change})
    assert "rfdata verify" in caught.value.hint


def test_a_report_with_a_field_missing_is_refused(small: Report) -> None:
    data = build.to_json(small)
    del data["checks"][0]["why"]
    with pytest.raises(UsageError, match="why"):
        build.from_json(data)
