"""The report on a terminal, as wide as it is: totals, one row per section, then what needs a person."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rfdata.model.verdict import CheckResult, Outcome, Report
from rfdata.report import outline
from rfdata.report.outline import DecidedLine, Section, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_STYLES = {
    Outcome.FAIL: "bold red",
    Outcome.UNKNOWN: "bold yellow",
    Outcome.PENDING: "blue",
    Outcome.ATTEST: "magenta",
    Outcome.WAIVED: "yellow",
    Outcome.ATTESTED: "green",
    Outcome.PASS: "green",
    Outcome.NOT_APPLICABLE: "dim",
}
_BARS = dict(zip(Outcome, "✗?░▒▓██·", strict=True))
_ASCII_BARS = dict(zip(Outcome, "x?.:~##-", strict=True))
_ATTENTION = frozenset(Outcome) - outline.SETTLED | {Outcome.WAIVED}
_LABEL = 11
_TITLE = 31
_NARROW = 64
_PLACES = 3
_WIDE = 100
_LEAST = 20
"""Columns that text needs beside something else; with fewer it goes below."""


def print_report(report: Report, console: Console, *, everything: bool = False) -> None:
    """Print the report; with `everything`, each line in full and not only those that need attention."""
    page = _Page(console)
    _header(page, report)
    found = outline.sections(report)
    if found:
        page.gap()
    for section in found:
        _section(page, section)
    _attention(page, [part for section in found for part in section.lines], everything=everything)
    checks = report.checks if everything and not report.lines else outline.strays(report)
    if checks:
        page.heading("Checks outside the checklist", len(checks), "bold")
        for check in checks:
            _check(page, check)


def text(report: Report, *, width: int = 100) -> str:
    """The same as plain text, without colours."""
    from rich.console import Console

    stream = io.StringIO()
    print_report(report, Console(file=stream, width=width, color_system=None, legacy_windows=False))
    return stream.getvalue()


class _Page:
    """Prints rows that never get wider than the console, nor leave spaces at their ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.width = max(console.width, 20)
        self.ascii = console.options.ascii_only

    def row(self, text: str | Text, *, before: str | Text = "", style: str = "") -> None:
        """Text, wrapped beside what stands before it, or below when there is no room."""
        from rich.text import Text

        if isinstance(text, str):
            text = Text(self._safe(" ".join(text.split())), style=style)
        first = before if isinstance(before, Text) else Text(self._safe(before))
        room = self.width - first.cell_len
        if text.cell_len > room and room < min(_LEAST, self.width):
            self._print(first)
            first, room = Text("    "), self.width - 4
        for line in text.wrap(self._console, room, overflow="fold") or [Text()]:
            self._print(first + line)
            first = Text(" " * first.cell_len)

    def heading(self, title: str, count: int, style: str) -> None:
        """A heading with an empty row before it."""
        self.gap()
        self.row(f"{title} ({count})", style=style)

    def gap(self) -> None:
        self._console.print()

    def bar(self, counts: Iterable[tuple[Outcome, int]], cells: int) -> Text:
        """Outcomes as a bar, each in its own colour and its own sign."""
        from rich.text import Text

        signs = _ASCII_BARS if self.ascii else _BARS
        bar = Text()
        for outcome, share in _shares(dict(counts), cells):
            bar.append(signs[outcome] * share, style=_STYLES[outcome])
        return bar

    def _safe(self, text: str) -> str:
        text = visible(text)
        return text.encode("ascii", "backslashreplace").decode() if self.ascii else text

    def _print(self, row: Text) -> None:
        row.rstrip()
        row.truncate(self.width, overflow="crop")
        self._console.print(row, no_wrap=True, overflow="ignore", crop=False, highlight=False)


def _header(page: _Page, report: Report) -> None:
    page.row(f"{report.deployment}: {report.profile} on {report.target}", style="bold")
    bad = report.count(Outcome.FAIL) + report.count(Outcome.UNKNOWN) + len(outline.strays(report))
    page.row(outline.headline(report), style="bold red" if bad else "bold green")
    if said := outline.detail(report):
        page.row(said)
    page.gap()
    for name, value in outline.about(report)[3:]:
        page.row(value, before=f"{name:<15}", style="dim")


def _section(page: _Page, section: Section) -> None:
    from rich.text import Text

    room = min(_TITLE, page.width - 14)
    row = Text(f"{section.number:>2}  ", style="dim")
    row.append(f"{section.title[:room]:<{room}} ")
    if page.width >= _NARROW:
        row += page.bar(section.bar, 24 if page.width >= _WIDE else 10)
    row.append(f" {section.settled:>3}/{len(section.lines):<3} ")
    words = Text(", ").join(
        Text(f"{count} {outline.WORDS[outcome].lower()}", style=_STYLES[outcome])
        for outcome, count in section.counts
        if outcome not in outline.SETTLED
    )
    page.row(words, before=row)


def _attention(page: _Page, lines: list[DecidedLine], *, everything: bool) -> None:
    shown: set[str] = set()
    for outcome in Outcome:
        found = [part for part in lines if part.line.outcome is outcome]
        if not found or (outcome not in _ATTENTION and not everything):
            continue
        page.heading(outline.WORDS[outcome], len(found), _STYLES[outcome])
        if outcome is Outcome.FAIL or everything:
            for part in found:
                _line(page, part, shown)
        elif outcome is Outcome.UNKNOWN:
            _by_cause(page, found)
        elif outcome is Outcome.WAIVED:
            for part in found:
                page.row(part.line.reason, before=f"  {part.line.id:<6}")
        else:
            _grouped(page, found)
        if outcome is Outcome.ATTEST:
            page.row(
                'rfdata attest LINE --by "NAME" --note "WHAT WAS LOOKED AT"',
                before="  ",
                style="dim",
            )


def _by_cause(page: _Page, lines: list[DecidedLine]) -> None:
    """What could not be read, once, with every line that waits for it."""
    waiting: dict[str, dict[str, None]] = {}
    places: dict[str, dict[str, None]] = {}
    for part in lines:
        for check in part.bad:
            waiting.setdefault(check.verdict.note, {})[part.line.id] = None
            places.setdefault(check.verdict.note, {})[check.verdict.read_from] = None
        if not part.bad:
            waiting.setdefault(part.line.reason, {})[part.line.id] = None
    for cause, ids in waiting.items():
        page.row(cause, before="  ", style="bold")
        first, others = list(places.get(cause, ()))[:_PLACES], list(places.get(cause, ()))[_PLACES:]
        if first:
            more = f"; and {len(others)} more" if others else ""
            page.row("; ".join(first) + more, before="    read from  ")
        page.row(outline.ranges(ids), before="    lines      ")


def _grouped(page: _Page, lines: list[DecidedLine]) -> None:
    """Line ids by what they wait for, or by section when that is the same person's work."""
    groups: dict[str, list[str]] = {}
    for part in lines:
        groups.setdefault(_waits_for(part), []).append(part.line.id)
    room = min(max(map(len, groups)), page.width // 2) + 4
    for name, ids in groups.items():
        page.row(outline.ranges(ids), before=f"  {name}".ljust(room))


def _waits_for(part: DecidedLine) -> str:
    for name in part.others:
        kind, _, rest = name.partition(":")
        if kind in ("capability", "drill"):
            return rest
    return outline.TITLES.get(part.line.section, str(part.line.section))


def _line(page: _Page, part: DecidedLine, shown: set[str]) -> None:
    """A line with its evidence; a check that was shown before is only named again."""
    line = part.line
    page.row(line.text, before=f"  {line.id:<6}", style="bold")
    if part.reason:
        page.row(part.reason, before="    ")
    checks = part.bad or part.checks
    for check in checks:
        if check.item.id not in shown:
            _check(page, check)
    if above := [check.item.id for check in checks if check.item.id in shown]:
        page.row(", ".join(above), before="    see above  ", style="dim")
    shown.update(check.item.id for check in checks)
    if line.deviation:
        page.row(line.deviation, before="    differs    ", style="dim")


def _check(page: _Page, check: CheckResult) -> None:
    from rich.text import Text

    item, verdict = check.item, check.verdict
    about = Text(f"{visible(item.id)}  ", style=_STYLES[verdict.outcome])
    about.append(f"{outline.WORDS[verdict.outcome].lower()}, {item.severity}", style="dim")
    page.row(about, before="    ")
    rows = {
        "expected": verdict.expected,
        "found": verdict.actual,
        "read from": verdict.read_from,
        "note": verdict.note,
        "remedy": item.remedy if verdict.outcome in outline.BAD else "",
    }
    for name, value in rows.items():
        if value:
            page.row(value, before=Text(f"      {name:<{_LABEL}}", style="dim"))


def _shares(counts: Mapping[Outcome, int], cells: int) -> list[tuple[Outcome, int]]:
    """Cells in proportion to counts, at least one for each outcome.

    >>> [share for _, share in _shares({Outcome.FAIL: 1, Outcome.PASS: 99}, 10)]
    [1, 9]
    """
    total = sum(counts.values())
    shares = {outcome: max(1, count * cells // total) for outcome, count in counts.items()}
    while shares and (extra := sum(shares.values()) - cells):
        largest = max(shares, key=lambda outcome: (shares[outcome], counts[outcome]))
        if extra > 0 and shares[largest] == 1:
            break
        shares[largest] -= 1 if extra > 0 else -1
    return list(shares.items())
