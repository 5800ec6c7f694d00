"""The report as one HTML file: no network, no other file, and its evidence readable without scripts."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from rfdata.model.verdict import CheckResult, Outcome, Report, worst
from rfdata.report import outline
from rfdata.report.outline import DecidedLine, visible

_BAD = (Outcome.FAIL, Outcome.UNKNOWN)
_MOST_URGENT = 12


def render(report: Report) -> str:
    """The page. Whatever servers and people wrote is escaped, and no script but ours may run in it."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters.update(
        moment=outline.moment, read_at=_read_at, short=_short, difference=_difference
    )
    css, js = _read("page.css"), _read("page.js")
    found = outline.sections(report)
    lines = [part for section in found for part in section.lines]
    counts = {outcome: report.count(outcome) for outcome in Outcome}
    return environment.from_string(_read("template.html.j2")).render(
        report=report,
        sections=found,
        strays=outline.strays(report),
        urgent=[part for part in lines if part.line.outcome in _BAD][:_MOST_URGENT],
        headline=outline.headline(report),
        detail=outline.detail(report),
        verified=dict(outline.about(report))["Verified"],
        worst=_mark(report),
        chips=[(outcome, n) for outcome, n in counts.items() if n or outcome in _BAD],
        words=outline.WORDS,
        meanings=outline.MEANINGS,
        bad=_BAD,
        quiet=(Outcome.PASS, Outcome.NOT_APPLICABLE),
        css=Markup(css),  # noqa: S704  our own file
        js=Markup(js),  # noqa: S704  our own file
        css_hash=_hash(css),
        js_hash=_hash(js),
    )


def _mark(report: Report) -> Outcome:
    """The outcome whose sign stands beside the headline: nothing bad is a pass, whatever waits."""
    outcomes = [line.outcome for line in report.lines]
    outcomes += [check.verdict.outcome for check in outline.strays(report)]
    return worst([*(outcome for outcome in outcomes if outcome in _BAD), Outcome.PASS])


def _difference(part: DecidedLine) -> str:
    """What is wrong with a line, in a few words."""
    for check in part.checks:
        if check.verdict.outcome is part.line.outcome is Outcome.FAIL:
            return f"expected {check.verdict.expected}, found {check.verdict.actual}"
    return part.line.reason


def _read_at(check: CheckResult) -> str:
    started, finished = check.verdict.started_at, check.verdict.finished_at
    if finished is None:
        return ""
    if started is None:
        return outline.moment(finished)
    took = (finished - started).total_seconds() * 1000
    return f"{outline.moment(finished)}, in {took:.0f} ms"


def _short(digest: str) -> str:
    return f"{digest[:16]}…" if len(digest) > 20 else digest or "not recorded"


def _read(name: str) -> str:
    return (resources.files("rfdata.report") / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
