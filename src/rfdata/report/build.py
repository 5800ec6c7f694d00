"""A report as JSON and back: the contract `rfdata/report/1`.

Beyond the fields of the contract, `to_json` writes what the other formats show: `deployment` and
`runtime`; per line `reason` and `deviation`; per check `why`, `note` and `host`.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from rfdata.errors import UsageError
from rfdata.model.evidence import Evidence
from rfdata.model.verdict import CheckResult, Item, LineResult, Outcome, Report, Verdict

SCHEMA = "rfdata/report/1"


def to_json(report: Report) -> dict[str, Any]:
    """The contract's JSON, as plain dicts and lists."""
    return {
        "schema": SCHEMA,
        "deployment": report.deployment,
        "profile": report.profile,
        "target": report.target,
        "runtime": report.runtime,
        "config_digest": report.config_digest,
        "evidence_head": report.evidence_head,
        "started_at": report.started_at.isoformat(),
        "finished_at": report.finished_at.isoformat(),
        "summary": {
            **{outcome.value: report.count(outcome) for outcome in Outcome},
            "lines": len(report.lines),
        },
        "lines": [_line(line) for line in report.lines],
        "checks": [_check(check) for check in report.checks],
    }


def from_json(data: Mapping[str, Any]) -> Report:
    """Read a report back. Raises UsageError for anything but a report of this contract."""
    schema = data.get("schema")
    if schema != SCHEMA:
        raise UsageError(
            f"this is not a report of the contract {SCHEMA} but {schema!r}",
            hint="it was written by another version of rfdata; run `rfdata verify` for a new one",
        )
    try:
        return Report(
            deployment=data["deployment"],
            profile=data["profile"],
            target=data["target"],
            config_digest=data["config_digest"],
            runtime=data["runtime"],
            evidence_head=data["evidence_head"],
            started_at=datetime.fromisoformat(data["started_at"]),
            finished_at=datetime.fromisoformat(data["finished_at"]),
            lines=tuple(_to_line(line) for line in data["lines"]),
            checks=tuple(_to_check(check) for check in data["checks"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"this report can't be read: {type(error).__name__}: {error}",
            hint="run `rfdata verify` for a new one",
        ) from error


def to_evidence(report: Report) -> dict[str, Any]:
    """What a `verified` record holds: every line's outcome to read, and the whole report packed.

    `report` is the contract's JSON, deflated (RFC 1950) and in base64: a tenth of its size, for a
    log that grows with every verification.
    """
    full = to_json(report)
    text = json.dumps(full, separators=(",", ":"), ensure_ascii=True)
    return {
        "schema": SCHEMA,
        "config_digest": report.config_digest,
        "summary": full["summary"],
        "lines": {line.id: line.outcome.value for line in report.lines},
        "report": base64.b64encode(zlib.compress(text.encode(), level=9)).decode(),
    }


def from_evidence(evidence: Evidence) -> Report:
    """The report that a `verified` record holds; the record itself is its evidence head."""
    try:
        full = json.loads(zlib.decompress(base64.b64decode(evidence.data["report"])))
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise UsageError(
            f"evidence record {evidence.seq} holds no report that can be read",
            hint="it was written by another version of rfdata; run `rfdata verify` for a new one",
        ) from error
    return replace(from_json(full), evidence_head=evidence.hash)


def _line(line: LineResult) -> dict[str, Any]:
    return {
        "id": line.id,
        "section": line.section,
        "text": line.text,
        "outcome": line.outcome.value,
        "decided_by": list(line.decided_by),
        "reason": line.reason,
        "deviation": line.deviation,
    }


def _check(check: CheckResult) -> dict[str, Any]:
    item, verdict = check.item, check.verdict
    return {
        "id": item.id,
        "outcome": verdict.outcome.value,
        "severity": item.severity,
        "expected": verdict.expected,
        "actual": verdict.actual,
        "read_from": verdict.read_from,
        "remedy": item.remedy,
        "started_at": verdict.started_at and verdict.started_at.isoformat(),
        "finished_at": verdict.finished_at and verdict.finished_at.isoformat(),
        "why": item.why,
        "note": verdict.note,
        "host": item.host,
    }


def _to_line(line: Mapping[str, Any]) -> LineResult:
    return LineResult(
        line["id"],
        line["section"],
        line["text"],
        Outcome(line["outcome"]),
        tuple(line["decided_by"]),
        line["reason"],
        line["deviation"],
    )


def _to_check(check: Mapping[str, Any]) -> CheckResult:
    return CheckResult(
        Item(check["id"], check["severity"], check["why"], check["remedy"], check["host"]),
        Verdict(
            Outcome(check["outcome"]),
            check["expected"],
            check["actual"],
            check["read_from"],
            check["note"],
            check["started_at"] and datetime.fromisoformat(check["started_at"]),
            check["finished_at"] and datetime.fromisoformat(check["finished_at"]),
        ),
    )
