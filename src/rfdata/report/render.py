"""One report as text, by the name of the form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from rfdata.model.verdict import Report
from rfdata.report.build import to_json


def one(report: Report, form: str) -> str:
    """The report as `text`, `json`, `markdown`, `junit` or `html`."""
    return FORMS[form](report)


def every_file(report: Report) -> Iterator[tuple[str, str]]:
    """Each file that a verification leaves behind: its name and its content."""
    for name, form in FILES.items():
        yield name, one(report, form)


def _text(report: Report) -> str:
    from rfdata.report import terminal

    return terminal.text(report)


def _json(report: Report) -> str:
    return json.dumps(to_json(report), indent=2, ensure_ascii=True) + "\n"


def _markdown(report: Report) -> str:
    from rfdata.report import markdown

    return markdown.render(report)


def _junit(report: Report) -> str:
    from rfdata.report import junit

    return junit.render(report)


def _html(report: Report) -> str:
    from rfdata.report import html

    return html.render(report)


FORMS: Mapping[str, Callable[[Report], str]] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
    "junit": _junit,
    "html": _html,
}

FILES = {
    "report.json": "json",
    "checklist.md": "markdown",
    "junit.xml": "junit",
    "report.html": "html",
}
