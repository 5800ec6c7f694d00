"""What every form of a report shares: its words, its order, and which evidence belongs to a line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from rfdata.model.verdict import CheckResult, LineResult, Outcome, Report

TITLES = {
    1: "Configuration files",
    2: "PostgreSQL configuration",
    3: "Redis configuration",
    4: "Migrations and initialisation",
    5: "Dependencies and health checks",
    6: "Volumes",
    7: "Network",
    8: "Resource allocation",
    9: "Security",
    10: "Logging and monitoring",
    11: "Backup and disaster recovery",
    12: "Pre-deployment verification",
    13: "Deployment steps",
    14: "Troubleshooting",
    15: "Rollback",
    16: "Sign-off",
}

WORDS = {
    Outcome.FAIL: "Fail",
    Outcome.UNKNOWN: "Unknown",
    Outcome.PENDING: "Pending",
    Outcome.ATTEST: "To attest",
    Outcome.WAIVED: "Waived",
    Outcome.ATTESTED: "Attested",
    Outcome.PASS: "Pass",
    Outcome.NOT_APPLICABLE: "Not applicable",
}

MEANINGS = {
    Outcome.FAIL: "it was read, and it is not as it has to be",
    Outcome.UNKNOWN: "it could not be read, so nothing is claimed",
    Outcome.PENDING: "a later version of rfdata brings what decides it",
    Outcome.ATTEST: "only a person can vouch for it, and nobody has yet",
    Outcome.WAIVED: "someone has accepted it as it is, until a date",
    Outcome.ATTESTED: "a named person vouches for it, until a date",
    Outcome.PASS: "it was read from the live layer, and it is right",
    Outcome.NOT_APPLICABLE: "there is nothing to look at here, for the reason given",
}

BAD = (Outcome.FAIL, Outcome.UNKNOWN)
TICKED = frozenset({Outcome.PASS, Outcome.ATTESTED})
SETTLED = TICKED | {Outcome.WAIVED, Outcome.NOT_APPLICABLE}
"""Nobody has to do anything about these today."""


_BAR = (
    Outcome.PASS,
    Outcome.ATTESTED,
    Outcome.NOT_APPLICABLE,
    Outcome.WAIVED,
    Outcome.ATTEST,
    Outcome.PENDING,
    Outcome.UNKNOWN,
    Outcome.FAIL,
)


@dataclass(frozen=True, slots=True)
class DecidedLine:
    """A line with the checks that decide it; what is decided without a check has none."""

    line: LineResult
    checks: tuple[CheckResult, ...]
    """Worst first."""
    others: tuple[str, ...]
    """What else decides it: `drill:NAME`, `attestation`, `capability:NAME`, `target:NAME`."""

    @property
    def bad(self) -> tuple[CheckResult, ...]:
        """The checks that make it fail, or that leave it unknown."""
        if self.line.outcome not in BAD:
            return ()
        return tuple(c for c in self.checks if c.verdict.outcome is self.line.outcome)

    @property
    def reason(self) -> str:
        """The line's reason, without what stands in its checks' own evidence anyway."""
        reason = self.line.reason
        for check in self.bad:
            verdict = check.verdict
            for told in (f"expected {verdict.expected}; found {verdict.actual}", verdict.note):
                reason = reason.replace(f"{check.item.id}: {told}", "")
        return (
            "; ".join(part for part in reason.split("; ") if part.strip()) if self.bad else reason
        )


@dataclass(frozen=True, slots=True)
class Section:
    number: int
    title: str
    lines: tuple[DecidedLine, ...]
    counts: tuple[tuple[Outcome, int], ...]
    """Every outcome that occurs, worst first."""

    @property
    def bar(self) -> tuple[tuple[Outcome, int], ...]:
        """The same as a bar shows it: what is settled to the left, what is wrong to the right."""
        return tuple(sorted(self.counts, key=lambda part: _BAR.index(part[0])))

    @property
    def settled(self) -> int:
        return sum(count for outcome, count in self.counts if outcome in SETTLED)


def sections(report: Report) -> tuple[Section, ...]:
    """The checklist's sections in its order, with each line's evidence beside it."""
    checks = {check.item.id: check for check in report.checks}
    grouped: dict[int, list[DecidedLine]] = {}
    for line in report.lines:
        found = tuple(sorted((checks[id] for id in line.decided_by if id in checks), key=_rank))
        others = tuple(id for id in line.decided_by if id not in checks)
        grouped.setdefault(line.section, []).append(DecidedLine(line, found, others))
    return tuple(
        Section(number, TITLES.get(number, ""), tuple(lines), counts(part.line for part in lines))
        for number, lines in grouped.items()
    )


def counts(lines: Iterable[LineResult]) -> tuple[tuple[Outcome, int], ...]:
    """How many lines have each outcome that occurs, worst first."""
    found = Counter(line.outcome for line in lines)
    return tuple((outcome, found[outcome]) for outcome in Outcome if found[outcome])


def strays(report: Report) -> tuple[CheckResult, ...]:
    """Checks that fail or could not run, and decide no line: they need attention all the same."""
    used = {id for line in report.lines for id in line.decided_by}
    return tuple(c for c in report.checks if c.item.id not in used and c.verdict.outcome in BAD)


def headline(report: Report) -> str:
    """The verdict in one sentence; of checks when only checks were selected."""
    noun = "line" if report.lines else "check"
    found = Counter(line.outcome for line in report.lines)
    found = found or Counter(check.verdict.outcome for check in report.checks)
    whole = _many(found.total(), noun)
    fail, unknown = found[Outcome.FAIL], found[Outcome.UNKNOWN]
    failing = "fails" if fail == 1 else "fail"
    if not found:
        return "Nothing was verified."
    if fail:
        also = f", and {unknown} could not be read" if unknown else ""
        return f"{fail} of {whole} {failing}{also}."
    if unknown:
        return f"{unknown} of {whole} could not be read; none of the others fails."
    if report.lines and (outside := strays(report)):
        return (
            f"No line fails, but {_many(len(outside), 'check')} outside the checklist did not pass."
        )
    if found[Outcome.ATTEST] or found[Outcome.PENDING]:
        return f"No {noun} fails."
    return f"All {whole} are settled." if found.total() > 1 else f"The {noun} is settled."


def detail(report: Report) -> str:
    """What the headline leaves out: how much is settled, and what the rest waits for."""
    if not report.lines:
        return ""
    settled = sum(report.count(outcome) for outcome in SETTLED)
    attest, pending = report.count(Outcome.ATTEST), report.count(Outcome.PENDING)
    said = [f"{settled} of {_many(len(report.lines), 'line')} settled"]
    if attest:
        said.append(f"{attest} waiting for a person's word")
    if pending:
        said.append(f"{pending} waiting for a later version of rfdata")
    return ", ".join(said) + "."


def about(report: Report) -> tuple[tuple[str, str], ...]:
    """What was verified, when, and where the proof lies."""
    took = (report.finished_at - report.started_at).total_seconds()
    return (
        ("Deployment", report.deployment),
        ("Profile", report.profile),
        ("Target", report.target),
        ("Servers", report.runtime or "not known"),
        ("Verified", f"{moment(report.finished_at)}, in {took:.1f} s"),
        ("Configuration", report.config_digest or "not known"),
        ("Evidence head", report.evidence_head or "not recorded"),
    )


def moment(at: datetime) -> str:
    """A point in time, to the second, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ranges(ids: Iterable[str]) -> str:
    """Line ids, neighbours drawn together.

    >>> ranges(["9.2", "9.3", "9.4", "9.7", "10.1"])
    '9.2-9.4, 9.7, 10.1'
    """
    runs: list[list[str]] = []
    for id in ids:
        if runs and _next(runs[-1][-1]) == id:
            runs[-1].append(id)
        else:
            runs.append([id])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(run) for run in runs)


def visible(text: str) -> str:
    r"""Text whose every character shows: controls, direction marks and the like are spelled out.

    What a server answers is not ours: it may hold terminal escapes, or marks that turn the reading
    order around. Line ends stay.

    >>> print(visible("a\x1b[31mb\u202ec"))
    a\x1b[31mb\u202ec
    """
    return text if text.isascii() and text.isprintable() else _HIDDEN.sub(_spelled, text)


_HIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff0-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)


def _spelled(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\t":
        return "    "
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _rank(check: CheckResult) -> int:
    return list(Outcome).index(check.verdict.outcome)


def _next(id: str) -> str:
    section, _, number = id.partition(".")
    return f"{section}.{int(number) + 1}" if number.isdigit() else ""


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
