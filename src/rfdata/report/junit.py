"""The report for machines that show test results: one test case per line of the checklist."""

from __future__ import annotations

from xml.etree import ElementTree

from rfdata.model.verdict import CheckResult, Outcome, Report
from rfdata.report import outline
from rfdata.report.outline import DecidedLine, Section, visible

_ELEMENTS = {
    Outcome.FAIL: "failure",
    Outcome.UNKNOWN: "error",
    Outcome.PENDING: "skipped",
    Outcome.ATTEST: "skipped",
    Outcome.WAIVED: "skipped",
    Outcome.NOT_APPLICABLE: "skipped",
}


def render(report: Report) -> str:
    """JUnit XML; a pass has its evidence in `system-out`, all else in its own element."""
    suites = ElementTree.Element("testsuites", name=visible(f"rfdata {report.deployment}"))
    _count(suites, [line.outcome for line in report.lines])
    took = (report.finished_at - report.started_at).total_seconds()
    suites.set("time", f"{took:.3f}")
    for section in outline.sections(report):
        _suite(suites, report, section)
    ElementTree.indent(suites)
    body = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _suite(suites: ElementTree.Element, report: Report, section: Section) -> None:
    suite = ElementTree.SubElement(suites, "testsuite")
    suite.set("name", f"{section.number} {section.title}".rstrip())
    _count(suite, [decided.line.outcome for decided in section.lines])
    suite.set("timestamp", report.started_at.strftime("%Y-%m-%dT%H:%M:%S"))
    for decided in section.lines:
        _case(suite, decided)


def _case(suite: ElementTree.Element, decided: DecidedLine) -> None:
    line = decided.line
    case = ElementTree.SubElement(suite, "testcase", classname=f"checklist.{line.section}")
    case.set("name", visible(f"{line.id} {line.text}"))
    case.set("time", f"{max((_seconds(check) for check in decided.checks), default=0.0):.3f}")
    evidence = visible("\n\n".join(_evidence(check) for check in decided.checks))
    element = _ELEMENTS.get(line.outcome)
    if element is None:
        said = visible(line.reason)
        ElementTree.SubElement(case, "system-out").text = "\n\n".join(
            filter(None, [said, evidence])
        )
        return
    result = ElementTree.SubElement(case, element)
    result.set("message", visible(_message(decided)))
    if element != "skipped":
        result.set("type", line.outcome.value)
    result.text = evidence


def _message(decided: DecidedLine) -> str:
    word, reason = outline.WORDS[decided.line.outcome], decided.line.reason
    return f"{word}: {reason}" if reason else word


def _evidence(check: CheckResult) -> str:
    item, verdict = check.item, check.verdict
    rows = {
        "expected": verdict.expected,
        "found": verdict.actual,
        "read from": verdict.read_from,
        "note": verdict.note,
    }
    if verdict.outcome in outline.BAD:
        rows |= {"why": item.why, "what to do": item.remedy}
    said = [f"{item.id} ({item.severity}): {verdict.outcome.value}"]
    return "\n".join(said + [f"  {name}: {text}" for name, text in rows.items() if text])


def _seconds(check: CheckResult) -> float:
    started, finished = check.verdict.started_at, check.verdict.finished_at
    return (finished - started).total_seconds() if started and finished else 0.0


def _count(element: ElementTree.Element, outcomes: list[Outcome]) -> None:
    elements = [_ELEMENTS.get(outcome) for outcome in outcomes]
    element.set("tests", str(len(outcomes)))
    element.set("failures", str(elements.count("failure")))
    element.set("errors", str(elements.count("error")))
    element.set("skipped", str(elements.count("skipped")))
