"""The verbs that prove: verify, report, attest, waive, and what the checks are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rfdata.cli.options import (
    Format,
    FormatOption,
    options,
    print_json,
    require_writable,
    write_out,
)
from rfdata.cli.progress import activity

if TYPE_CHECKING:
    from rfdata.checklist.line import Line
    from rfdata.config.load import Config

ATTEST_DAYS = 90
LONGEST_DAYS = 366
REPORT_FORMATS = ("text", "json", "markdown", "junit", "html")

checks_app = typer.Typer(
    help="What the checks are.",
    epilog="Example: rfdata checks show postgres.checksums",
    no_args_is_help=True,
)

ByOption = Annotated[str, typer.Option("--by", help="The person's full name.")]
NoteOption = Annotated[str, typer.Option("--note", help="What was looked at, or why.")]


def register(app: typer.Typer) -> None:
    """Add these verbs to the program."""
    app.command(epilog="Example: rfdata -C deployment verify --section 9")(verify)
    app.command(epilog="Example: rfdata -C deployment report --format html --out report.html")(
        report
    )
    app.command(
        epilog='Example: rfdata attest 9.26 --by "Ada Lovelace" --note "looked at the vault, ticket 17"'
    )(attest)
    app.command(
        epilog='Example: rfdata waive 8.1 --by "Ada Lovelace" --note "shared test host" --days 14'
    )(waive)


def verify(
    context: typer.Context,
    line: Annotated[list[str] | None, typer.Option(help="Only this line, for example 9.2.")] = None,
    section: Annotated[list[int] | None, typer.Option(help="Only this section, 2 to 16.")] = None,
    check: Annotated[list[str] | None, typer.Option(help="Only this check, by its id.")] = None,
    format: FormatOption = Format.TEXT,
) -> int:
    """Read the live layer and decide every line; nothing is changed."""
    from rfdata import verify as proof
    from rfdata.checklist import catalogue
    from rfdata.checklist.decide import select
    from rfdata.cli import show
    from rfdata.report.build import to_json

    chosen = select(
        catalogue.CHECKS,
        catalogue.LINES,
        line_ids=line or (),
        sections=section or (),
        check_ids=check or (),
    )
    whole = not (line or section or check)
    config, target = options(context).open()
    with activity("verifying"):
        facts = target.gather(config)
        report = proof.judge(config, facts, lines=chosen.lines, checks=chosen.checks)
        if whole:
            report = proof.record(config, report)
    if format is Format.JSON:
        print_json(to_json(report))
    else:
        show.report(report, everything=not whole)
    return proof.exit_code(report)


def report(
    context: typer.Context,
    format: Annotated[str, typer.Option(help=", ".join(REPORT_FORMATS) + ".")] = "text",
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
) -> int:
    """Show the last verification again, from evidence; the servers aren't asked."""
    from rfdata import verify as proof
    from rfdata.errors import UsageError
    from rfdata.report import render

    if format not in REPORT_FORMATS:
        raise UsageError(
            f"--format {format}: no such format", hint=f"one of {', '.join(REPORT_FORMATS)}"
        )
    require_writable(out)
    found = proof.last(_config(context))
    if format == "text" and out is None:
        from rfdata.cli import show

        show.report(found)
    else:
        text = render.one(found, format)
        if out is None:
            typer.echo(text, nl=False)
        else:
            write_out(out, text)
    return proof.exit_code(found)


def attest(
    context: typer.Context,
    line: Annotated[str, typer.Argument(help="The line, for example 9.26.")],
    by: ByOption,
    note: NoteOption,
    days: Annotated[int, typer.Option(help="For how many days; 0: as the line says.")] = 0,
    format: FormatOption = Format.TEXT,
) -> None:
    """Put a named person's word on a line that no program can decide."""
    from rfdata.errors import UsageError

    found = _line(line)
    # on someone else's servers its operator vouches for what we can't see
    unseen = bool(found.checks) and _config(context).target == "external"
    if not (found.attest or unseen):
        raise UsageError(
            f"line {line} is not decided by a person's word",
            hint="`rfdata waive` accepts a line that fails, with an owner and an expiry",
        )
    _state(context, "attested", found.id, by, note, days or found.attest_days, format)


def waive(
    context: typer.Context,
    line: Annotated[str, typer.Argument(help="The line, for example 8.1.")],
    by: ByOption,
    note: NoteOption,
    days: Annotated[int, typer.Option(help="For how many days.")] = 30,
    format: FormatOption = Format.TEXT,
) -> None:
    """Accept a line as it is: with an owner, a reason and an expiry."""
    _state(context, "waived", _line(line).id, by, note, days, format)


@checks_app.command("list", epilog="Example: rfdata checks list --format json")
def checks_list(format: FormatOption = Format.TEXT) -> None:
    """Every check with its severity and the lines that it decides."""
    from rfdata.checklist import catalogue

    rows = [
        {
            "id": check.item.id,
            "severity": check.item.severity,
            "lines": [line.id for line in catalogue.lines_of(check.item.id)],
        }
        for check in catalogue.CHECKS
    ]
    if format is Format.JSON:
        print_json(rows)
        return
    width = max(len(str(row["id"])) for row in rows)
    for row in rows:
        typer.echo(f"{row['id']:<{width}}  {row['severity']:<8}  {' '.join(row['lines'])}")


@checks_app.command("show", epilog="Example: rfdata checks show postgres.checksums")
def checks_show(
    id: Annotated[str, typer.Argument(help="The check's id.")],
    format: FormatOption = Format.TEXT,
) -> None:
    """Why a check matters, what to do when it fails, which lines it decides."""
    from rfdata.checklist import catalogue
    from rfdata.checklist.decide import select

    item = select(catalogue.CHECKS, catalogue.LINES, check_ids=(id,)).checks[0].item
    lines = catalogue.lines_of(id)
    if format is Format.JSON:
        print_json(
            {
                "id": item.id,
                "severity": item.severity,
                "why": item.why,
                "remedy": item.remedy,
                "lines": [{"id": line.id, "text": line.text} for line in lines],
            }
        )
        return
    typer.echo(
        f"{item.id} ({item.severity})\n\nWhy      {item.why}\nRemedy   {item.remedy}\nDecides"
    )
    for line in lines:
        typer.echo(f"  {line.id:<6} {line.text}")


def _line(id: str) -> Line:
    """Raises UsageError for a line that there isn't, naming what is near."""
    from rfdata.checklist import catalogue
    from rfdata.checklist.decide import select

    return select(catalogue.CHECKS, catalogue.LINES, line_ids=(id,)).lines[0]


def _state(
    context: typer.Context,
    kind: Literal["attested", "waived"],
    line: str,
    by: str,
    note: str,
    days: int,
    format: Format,
) -> None:
    from rfdata import verify as proof
    from rfdata.errors import UsageError

    for option, words in (("--by", by), ("--note", note)):
        if not words.strip() or not words.isprintable():
            raise UsageError(
                f"{option} is {'not one line of plain text' if words.strip() else 'empty'}",
                hint="--by is the person's full name, --note what was looked at, or why",
            )
    if not 1 <= days <= LONGEST_DAYS:
        raise UsageError(
            f"--days {days} is impossible", hint=f"name a number of days from 1 to {LONGEST_DAYS}"
        )
    statement = proof.state(
        _config(context), kind, line, by.strip(), note.strip(), timedelta(days=days)
    )
    until = statement.until.strftime("%Y-%m-%d")
    if format is Format.JSON:
        print_json(
            {"line": line, "kind": kind, "by": statement.by, "until": statement.until.isoformat()}
        )
    else:
        typer.echo(f"line {line} {kind} by {statement.by} until {until}")


def _config(context: typer.Context) -> Config:
    from rfdata.config.load import load

    return load(options(context).directory)
