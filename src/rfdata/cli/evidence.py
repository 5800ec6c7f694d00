"""`rfdata evidence`: is the log whole, and what is in it."""

from __future__ import annotations

from typing import Annotated

import typer

from rfdata.cli.options import Format, FormatOption, options, print_json

app = typer.Typer(
    help="The evidence log.",
    epilog="Example: rfdata -C deployment evidence verify",
    no_args_is_help=True,
)


@app.command(epilog="Example: rfdata -C deployment evidence verify")
def verify(context: typer.Context, format: FormatOption = Format.TEXT) -> int:
    """Find any altered, removed or reordered record."""
    from rfdata.config.load import load
    from rfdata.evidence import log
    from rfdata.targets.deployment import evidence_folder

    found = log.verify(evidence_folder(load(options(context).directory)))
    problems = [{"line": p.line, "what": p.what} for p in found.problems]
    if format is Format.JSON:
        print_json(
            {
                "ok": found.ok,
                "records": found.records,
                "head": found.head,
                "torn_bytes": found.torn,
                "problems": problems,
            }
        )
    elif found.ok:
        typer.echo(f"{found.records} records, unbroken; head {found.head}")
        if found.torn:
            typer.echo(
                f"{found.torn} bytes of a record that was interrupted follow; the next one sets them aside"
            )
    else:
        for problem in found.problems:
            typer.echo(f"line {problem.line}: {problem.what}")
        typer.echo(
            "the evidence log is broken: keep the file as it is, and find out who changed it"
        )
    return 0 if found.ok else 1


@app.command(epilog="Example: rfdata -C deployment evidence list --last 5")
def list(
    context: typer.Context,
    last: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many of the newest.")] = 20,
    format: FormatOption = Format.TEXT,
) -> None:
    """The newest records, oldest first."""
    from collections import deque

    from rfdata.config.load import load
    from rfdata.evidence import log
    from rfdata.targets.deployment import evidence_folder

    records = deque(log.read(evidence_folder(load(options(context).directory))), maxlen=last)
    if format is Format.JSON:
        print_json(
            [
                {
                    "seq": r.seq,
                    "at": r.at.isoformat(),
                    "by": r.by,
                    "kind": r.kind,
                    "data": dict(r.data),
                    "hash": r.hash,
                }
                for r in records
            ]
        )
        return
    for r in records:
        typer.echo(f"{r.seq:>5}  {r.at:%Y-%m-%d %H:%M:%S}Z  {r.kind:<9}  {r.by:<20}  {r.hash[:12]}")
