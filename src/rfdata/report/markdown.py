"""The checklist, ticked, with the evidence of each line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rfdata.model.verdict import CheckResult, Outcome, Report
from rfdata.report import outline
from rfdata.report.outline import DecidedLine, Section, visible


def render(report: Report) -> str:
    """GitHub-flavoured Markdown. A check's evidence stands under the first line that it decides."""
    parts = [*_header(report)]
    shown: set[str] = set()
    for section in outline.sections(report):
        parts += _section(section, shown)
    if outside := outline.strays(report):
        parts += ["", "## Checks outside the checklist", ""]
        for check in outside:
            parts += [f"- {_check(check)}", *_more(check, "  ")]
    return "\n".join(parts) + "\n"


def _header(report: Report) -> Iterator[str]:
    yield f"# Deployment checklist: {_plain(report.deployment)}"
    yield f"\n**{outline.headline(report)}** {outline.detail(report)}\n".rstrip(" ")
    yield "| | |\n|---|---|"
    for name, value in outline.about(report):
        yield f"| {name} | {_plain(value)} |"
    yield "\n| Outcome | Lines | |\n|---|---:|---|"
    for outcome, count in outline.counts(report.lines):
        yield f"| {outline.WORDS[outcome]} | {count} | {outline.MEANINGS[outcome]} |"
    yield f"| **All** | **{len(report.lines)}** | |"


def _section(section: Section, shown: set[str]) -> Iterator[str]:
    title = f"{section.number} {section.title}".rstrip()
    yield f"\n## {title}\n\n{section.settled} of {len(section.lines)} settled.\n"
    for decided in section.lines:
        yield from _line(decided, shown)


def _line(decided: DecidedLine, shown: set[str]) -> Iterator[str]:
    line = decided.line
    tick = "x" if line.outcome in outline.TICKED else " "
    said = "" if line.outcome is Outcome.PASS else f" — **{outline.WORDS[line.outcome].lower()}**"
    reason = f": {_plain(decided.reason)}" if decided.reason else ""
    yield f"- [{tick}] **{_plain(line.id)}** {_plain(line.text)}{said}{reason}"
    fresh = [check for check in decided.checks if check.item.id not in shown]
    for check in fresh:
        yield f"  - {_check(check)}"
        yield from _more(check, "    ")
    if above := [_brief(check) for check in decided.checks if check.item.id in shown]:
        yield f"  - {'Also decided' if fresh else 'Decided'} by checks above: {', '.join(above)}"
    shown.update(check.item.id for check in fresh)
    if decided.others:
        yield f"  - Decided by {', '.join(_code(name) for name in decided.others)}"
    if line.deviation:
        yield f"  - Differs from the checklist: {_plain(line.deviation)}"


def _brief(check: CheckResult) -> str:
    outcome = check.verdict.outcome
    said = "" if outcome is Outcome.PASS else f" **{outline.WORDS[outcome].lower()}**"
    return _code(check.item.id) + said


def _check(check: CheckResult) -> str:
    verdict = check.verdict
    said = [f"{_code(check.item.id)} **{outline.WORDS[verdict.outcome].lower()}**"]
    if verdict.expected or verdict.actual:
        said.append(f"expected {_code(verdict.expected)}, found {_code(verdict.actual)}")
    if verdict.read_from:
        said.append(f"read from {_plain(verdict.read_from)}")
    if verdict.finished_at:
        said.append(f"at {outline.moment(verdict.finished_at)}")
    return "; ".join(said)


def _more(check: CheckResult, indent: str) -> Iterator[str]:
    if check.verdict.note:
        yield f"{indent}- Note: {_plain(check.verdict.note)}"
    if check.verdict.outcome in outline.BAD:
        yield f"{indent}- Why it matters: {_plain(check.item.why)}"
        yield f"{indent}- What to do: {_plain(check.item.remedy)}"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line.

    >>> _plain("a *b*  <c>")
    'a \\\\*b\\\\* &lt;c>'
    """
    line = " ".join(visible(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", line)


def _code(text: str) -> str:
    """Text as a code span, whatever backticks it holds.

    >>> _code("a`b")
    '`` a`b ``'
    """
    line = " ".join(visible(text).split()) or " "
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {line} {fence}" if longest else f"{fence}{line}{fence}"
