"""From checks to lines: pure, given the facts, what people have stated, and the moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches

from rfdata.checklist.item import Check, unknown, vouch
from rfdata.checklist.line import Line
from rfdata.config.load import Config
from rfdata.errors import UsageError
from rfdata.model.evidence import Statement, Statements
from rfdata.model.fact import FactUnread
from rfdata.model.facts import Facts
from rfdata.model.verdict import CheckResult, LineResult, Outcome, Verdict, worst

OPERATOR = "only the operator of that server can see it and has to vouch for it"
SEEN = "the operator's word that it is so"
WAIVABLE = frozenset({Outcome.FAIL, Outcome.UNKNOWN, Outcome.PENDING, Outcome.ATTEST})


@dataclass(frozen=True, slots=True)
class Selection:
    """What to verify: these lines, and every check that decides one or was asked for by itself."""

    checks: tuple[Check, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """One of the things that decide a line."""

    name: str
    outcome: Outcome
    reason: str = ""


def run_checks(checks: Iterable[Check], config: Config, facts: Facts) -> tuple[CheckResult, ...]:
    """Every check's verdict, in the order given."""
    return tuple(CheckResult(check.item, _run(check, config, facts)) for check in checks)


def decide_lines(
    lines: Iterable[Line],
    config: Config,
    results: Iterable[CheckResult],
    statements: Statements,
    moment: datetime,
) -> tuple[LineResult, ...]:
    """Every line's outcome, in the order given. The results hold every check that the lines name."""
    by_id = {result.item.id: result for result in results}
    return tuple(decide_line(line, config, by_id, statements, moment) for line in lines)


def decide_line(
    line: Line,
    config: Config,
    results: Mapping[str, CheckResult],
    statements: Statements,
    moment: datetime,
) -> LineResult:
    """One line's outcome: the worst of what decides it, unless it does not apply or is waived."""
    parts = _skipped(line, config) or _parts(line, results, statements, moment)
    outcome = worst(part.outcome for part in parts)
    waiver = statements.waived.get(line.id)
    reasons = [part.reason for part in parts if part.outcome is outcome and part.reason]
    if waiver is not None and outcome in WAIVABLE:
        if waiver.holds(moment):
            reasons = [f"waived by {_signed(waiver)}; it is {outcome}: {_joined(reasons)}"]
            outcome = Outcome.WAIVED
        else:
            reasons.append(f"the waiver by {waiver.by} expired on {waiver.until:%Y-%m-%d}")
    return LineResult(
        id=line.id,
        section=int(line.id.partition(".")[0]),
        text=line.text,
        outcome=outcome,
        decided_by=tuple(part.name for part in parts),
        reason="" if outcome is Outcome.PASS else _joined(reasons),
        deviation=line.deviation,
    )


def select(
    checks: Sequence[Check],
    lines: Sequence[Line],
    *,
    line_ids: Iterable[str] = (),
    sections: Iterable[int] = (),
    check_ids: Iterable[str] = (),
) -> Selection:
    """The lines with these ids or in these sections, and their checks; these checks by themselves.

    Without any wish, everything. Raises UsageError for what there isn't, naming what is near.
    """
    wanted_lines, wanted_sections = set(line_ids), {str(section) for section in sections}
    wanted_checks = set(check_ids)
    known_sections = {line.id.partition(".")[0] for line in lines}
    _require("line", wanted_lines, {line.id for line in lines}, "rfdata verify")
    _require("section", wanted_sections, known_sections, "rfdata verify")
    _require("check", wanted_checks, {check.item.id for check in checks}, "rfdata checks list")
    if not (wanted_lines or wanted_sections or wanted_checks):
        return Selection(tuple(checks), tuple(lines))
    chosen = tuple(
        line
        for line in lines
        if line.id in wanted_lines or line.id.partition(".")[0] in wanted_sections
    )
    needed = wanted_checks.union(*(line.checks for line in chosen))
    return Selection(tuple(check for check in checks if check.item.id in needed), chosen)


def _run(check: Check, config: Config, facts: Facts) -> Verdict:
    try:
        verdict = check(config, facts)
    except FactUnread as error:
        verdict = unknown(error.fact)
        if error.fact.denied and config.target == "external":
            return replace(
                vouch(SEEN, f"{OPERATOR}: {error.fact.trouble}"), read_from=verdict.read_from
            )
    except Exception as error:  # noqa: BLE001 - the barrier: a bug in one check is no verdict on the layer
        verdict = Verdict(
            Outcome.UNKNOWN,
            "a verdict",
            "none",
            "",
            f"the check itself failed ({type(error).__name__}: {error}): please report it",
            facts.gathered_at,
            facts.gathered_at,
        )
    if check.item.host and config.target == "external":
        return _vouched_for(verdict)
    return verdict


def _vouched_for(verdict: Verdict) -> Verdict:
    """Someone else's host: whatever a check made of facts that nobody could read is no verdict."""
    if verdict.outcome is Outcome.NOT_APPLICABLE:
        return verdict
    return replace(vouch(SEEN, OPERATOR), started_at=verdict.started_at)


def _skipped(line: Line, config: Config) -> tuple[_Part, ...]:
    """Why the line does not apply to this target or profile, if so."""
    reasons = {
        ("target", "native"): line.not_native,
        ("target", "external"): line.not_external,
        ("profile", "dev"): line.not_dev,
    }
    now = (("target", config.target), ("profile", config.profile))
    return tuple(
        _Part(f"{kind}:{name}", Outcome.NOT_APPLICABLE, reason)
        for kind, name in now
        if (reason := reasons.get((kind, name), ""))
    )


def _parts(
    line: Line,
    results: Mapping[str, CheckResult],
    statements: Statements,
    moment: datetime,
) -> tuple[_Part, ...]:
    said = statements.attested.get(line.id)
    parts = [_checked(results[id], said, moment) for id in line.checks]
    if line.drill:
        reason = f"the drill {line.drill} comes with a later version of rfdata"
        parts.append(_Part(f"drill:{line.drill}", Outcome.PENDING, reason))
    if line.pending:
        capability, _, what = line.pending.partition(": ")
        reason = f"a later version brings {capability}: {what}"
        parts.append(_Part(f"capability:{capability}", Outcome.PENDING, reason))
    if line.attest:
        outcome, reason = _attested(said, moment, f"nobody vouches yet: {line.attest}")
        parts.append(_Part("attestation", outcome, reason))
    return tuple(parts)


def _checked(result: CheckResult, said: Statement | None, moment: datetime) -> _Part:
    verdict = result.verdict
    if verdict.outcome is Outcome.ATTEST:
        outcome, reason = _attested(said, moment, f"{result.item.id}: {verdict.note}")
        return _Part(result.item.id, outcome, reason)
    if verdict.outcome is Outcome.FAIL:
        reason = f"{result.item.id}: expected {verdict.expected}; found {verdict.actual}"
        return _Part(result.item.id, verdict.outcome, reason)
    if verdict.outcome is Outcome.PASS:
        return _Part(result.item.id, verdict.outcome)
    return _Part(result.item.id, verdict.outcome, f"{result.item.id}: {verdict.note}")


def _attested(said: Statement | None, moment: datetime, otherwise: str) -> tuple[Outcome, str]:
    if said is None:
        return Outcome.ATTEST, otherwise
    if said.holds(moment):
        return Outcome.ATTESTED, f"attested by {_signed(said)}"
    return Outcome.ATTEST, f"expired {said.until:%Y-%m-%d} (by {said.by}); {otherwise}"


def _signed(said: Statement) -> str:
    note = f": {said.note}" if said.note else ""
    return f"{said.by} on {said.at:%Y-%m-%d}, until {said.until:%Y-%m-%d}{note}"


def _joined(reasons: Iterable[str]) -> str:
    """Each reason once, in order."""
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason))


def _require(kind: str, wanted: set[str], known: set[str], listing: str) -> None:
    for name in sorted(wanted - known):
        near = get_close_matches(name, sorted(known), n=3, cutoff=0.4)
        hint = f"perhaps {' or '.join(near)}; " if near else ""
        raise UsageError(f"there is no {kind} {name}", hint=f"{hint}`{listing}` shows all")
