"""`rfdata certs`: how long certificates last, and new ones without a new CA."""

from __future__ import annotations

from typing import Annotated

import typer

from rfdata.cli.options import Format, FormatOption, alone, options, print_json
from rfdata.cli.progress import activity

app = typer.Typer(
    help="Certificates of the servers.",
    epilog="Example: rfdata -C deployment certs show",
    no_args_is_help=True,
)


@app.command(epilog="Example: rfdata -C deployment certs show")
def show(context: typer.Context, format: FormatOption = Format.TEXT) -> int:
    """Each certificate with the days that it has left."""
    from rfdata import certs

    config, target = options(context).open()
    rows = certs.table(config, target.gather(config))
    if format is Format.JSON:
        print_json([row.to_json() for row in rows])
    else:
        for row in rows:
            typer.echo(f"{row.name:<14} {row.days_text:>10}  {row.until:<17}  {row.state}")
    if any(row.days is None for row in rows):
        return 3
    return 0 if all(row.good for row in rows) else 1


@app.command(epilog="Example: rfdata -C deployment certs renew")
def renew(
    context: typer.Context,
    server: Annotated[
        str, typer.Option(help="postgres, redis, redis-durable; empty: all three.")
    ] = "",
    format: FormatOption = Format.TEXT,
) -> None:
    """Issue new certificates from the same CA; servers take them up without cutting anyone off."""
    from rfdata import certs

    config, target = options(context).open_to_change()
    with (
        alone(config, "rfdata certs renew"),
        activity("renewing") as progress,
    ):
        renewed = certs.renew(config, target, server, progress)
    if format is Format.JSON:
        print_json({"renewed": list(renewed)})
    else:
        typer.echo(f"renewed: {', '.join(renewed)}; running servers already present them")
