"""The report as one HTML file: no network, no other file, and its evidence readable without scripts."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from rfdata.model.verdict import CheckResult, Outcome, Report, worst
from rfdata.report import outline
from rfdata.report.outline import DecidedLine, visible

if TYPE_CHECKING:
    from jinja2 import Template

_MOST_URGENT = 8
_MOST_UNFOLDED = 20


def render(report: Report) -> str:
    """The page. Whatever servers and people wrote is escaped, and no script but ours may run in it."""
    from markupsafe import Markup

    css, js = _read("page.css"), _read("page.js")
    found = outline.sections(report)
    wrong = [p for section in found for p in section.lines if p.line.outcome in outline.BAD]
    counts = {outcome: report.count(outcome) for outcome in Outcome}
    return template().render(
        report=report,
        sections=found,
        strays=outline.strays(report),
        urgent=wrong[:_MOST_URGENT],
        more=len(wrong[_MOST_URGENT:]),
        unfolded=[part.line.id for part in wrong if part.line.outcome is Outcome.FAIL][
            :_MOST_UNFOLDED
        ],
        headline=outline.headline(report),
        detail=outline.detail(report),
        verified=dict(outline.about(report))["Verified"],
        worst=_mark(report),
        chips=[(outcome, n) for outcome, n in counts.items() if n or outcome in outline.BAD],
        words=outline.WORDS,
        meanings=outline.MEANINGS,
        bad=outline.BAD,
        css=Markup(css),  # noqa: S704  our own file
        js=Markup(js),  # noqa: S704  our own file
        css_hash=_hash(css),
        js_hash=_hash(js),
    )


@cache
def template() -> Template:
    """The page's template, compiled once a process: that takes as long as filling it in."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters.update(
        moment=outline.moment, read_at=_read_at, short=_short, difference=_difference
    )
    return environment.from_string(_read("template.html.j2"))


def _mark(report: Report) -> Outcome:
    """The outcome whose sign stands beside the headline: nothing bad is a pass, whatever waits."""
    outcomes = [line.outcome for line in report.lines]
    outcomes += [check.verdict.outcome for check in outline.strays(report)]
    return worst([*(outcome for outcome in outcomes if outcome in outline.BAD), Outcome.PASS])


def _difference(part: DecidedLine) -> str:
    """What is wrong with a line, in a few words."""
    if not part.bad:
        return part.line.reason
    first, *others = part.bad
    verdict = first.verdict
    said = f"expected {verdict.expected}, found {verdict.actual}"
    if verdict.outcome is Outcome.UNKNOWN:
        said = verdict.note
    return f"{said} (and {len(others)} more)" if others else said


def _read_at(check: CheckResult) -> str:
    started, finished = check.verdict.started_at, check.verdict.finished_at
    if finished is None:
        return ""
    if started is None:
        return _clock(finished)
    took = (finished - started).total_seconds() * 1000
    return f"{_clock(finished)}, in {took:.0f} ms"


def _clock(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%H:%M:%S UTC")


def _short(digest: str) -> str:
    return f"{digest[:16]}…" if len(digest) > 20 else digest or "not recorded"


def _read(name: str) -> str:
    return (resources.files("rfdata.report") / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
