"""The verb `verify`: facts in, verdicts out, evidence kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

import rfdata
from rfdata import files
from rfdata.checklist import catalogue
from rfdata.checklist.decide import decide_lines, run_checks
from rfdata.checklist.item import Check
from rfdata.checklist.line import Line
from rfdata.config.load import Config
from rfdata.errors import UsageError
from rfdata.evidence import log
from rfdata.evidence.record import from_statement
from rfdata.model.evidence import Statement
from rfdata.model.fact import now
from rfdata.model.facts import SERVERS, Facts
from rfdata.model.verdict import Outcome, Report
from rfdata.report.build import from_evidence, to_evidence
from rfdata.targets.deployment import evidence_folder

UNREADABLE = 3
FAILED = 1


def judge(
    config: Config,
    facts: Facts,
    *,
    lines: Sequence[Line] = catalogue.LINES,
    checks: Sequence[Check] = catalogue.CHECKS,
) -> Report:
    """Decide lines from facts. Pure but for the clock: nothing is read or written here."""
    results = run_checks(checks, config, facts)
    moment = now()
    return Report(
        deployment=config.settings.deployment.name,
        profile=config.profile,
        target=config.target,
        config_digest=config.digest,
        runtime=serving(facts),
        evidence_head="",
        started_at=facts.gathered_at,
        finished_at=moment,
        lines=decide_lines(lines, config, results, facts.statements, moment),
        checks=results,
    )


def record(config: Config, report: Report) -> Report:
    """Put a verification into the evidence log; the report then names the record as its head."""
    evidence = log.append(
        evidence_folder(config),
        "verified",
        to_evidence(report),
        by=log.author(),
        version=rfdata.__version__,
    )
    return replace(report, evidence_head=evidence.hash)


def last(config: Config) -> Report:
    """The newest verification out of the evidence log. Raises UsageError when there is none."""
    evidence = log.newest(evidence_folder(config), "verified")
    if evidence is None:
        raise UsageError("nothing has been verified yet", hint="run `rfdata verify` first")
    return from_evidence(evidence)


def state(
    config: Config,
    kind: Literal["attested", "waived"],
    line: str,
    by: str,
    note: str,
    holds: timedelta,
) -> Statement:
    """Record a named person's word on a line."""
    at = now()
    statement = Statement(line, by, note, at, at + holds)
    data = from_statement(statement)
    log.append(
        evidence_folder(config), kind, data, by=log.author(), version=rfdata.__version__, at=at
    )
    return statement


def exit_code(report: Report) -> int:
    """3 when something could not be read: the verdict is incomplete; else 1 when something failed.

    Lines decide, so what somebody has waived counts no more; a check speaks for itself only where
    it decides no line of the report.
    """
    outcomes = {line.outcome for line in report.lines}
    spoken_for = {name for line in report.lines for name in line.decided_by}
    outcomes |= {r.verdict.outcome for r in report.checks if r.item.id not in spoken_for}
    if Outcome.UNKNOWN in outcomes:
        return UNREADABLE
    return FAILED if Outcome.FAIL in outcomes else 0


def serving(facts: Facts) -> str:
    """Which server programs serve, in one sentence for the head of every report."""
    parts = []
    for server in SERVERS[:2]:
        programs = facts.host.programs[server]
        name = {"postgres": "PostgreSQL", "redis": "Redis"}[server]
        if programs.content is None:
            parts.append(f"{name}: not known ({programs.trouble})")
        else:
            found = programs.content
            parts.append(f"{name} {found.version} ({_ORIGIN[found.origin]}) from {found.path}")
    return "; ".join(parts)


_ORIGIN = {
    "packaged": "packaged",
    "assembled": "assembled from public packages: for trying and testing, use a packaged one in production",
    "external": "run by someone else",
}


def write_reports(config: Config, report: Report) -> tuple[Path, ...]:
    """Write the newest report as JSON, Markdown, JUnit and HTML into `reports/`."""
    from rfdata.report import render

    folder = config.directory / "reports"
    files.make_directory(folder, mode=0o700)
    written = []
    for name, content in render.every_file(report):
        files.write(folder / name, content)
        written.append(folder / name)
    return tuple(written)
