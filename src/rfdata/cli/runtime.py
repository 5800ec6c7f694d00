"""`rfdata runtime`: which server programs there are, and getting them."""

from __future__ import annotations

import typer

from rfdata.cli.options import Format, FormatOption, print_json
from rfdata.cli.progress import activity

app = typer.Typer(
    help="The server programs: PostgreSQL 16 and Redis 7.",
    epilog="Example: rfdata runtime show",
    no_args_is_help=True,
)


@app.command(epilog="Example: rfdata runtime install")
def install(format: FormatOption = Format.TEXT) -> None:
    """Find PostgreSQL 16 and Redis 7 with TLS; install or assemble what is missing."""
    from rfdata.runtime.install import ensure

    with activity("looking for server programs") as progress:
        postgres, redis = ensure(progress)
    _print(postgres, redis, format)


@app.command(epilog="Example: rfdata runtime show")
def show(format: FormatOption = Format.TEXT) -> None:
    """Which server programs would serve here."""
    from rfdata.runtime.find import find_postgres, find_redis

    _print(find_postgres(None), find_redis(None), format)


def _print(postgres: object, redis: object, format: Format) -> None:
    from dataclasses import asdict

    found = {"postgres": asdict(postgres), "redis": asdict(redis)}  # type: ignore[call-overload]
    if format is Format.JSON:
        print_json({name: {k: str(v) for k, v in row.items()} for name, row in found.items()})
        return
    for name, row in found.items():
        where = row.get("bin") or row.get("server")
        typer.echo(f"{name:<9} {row['version']:<8} {row['origin']:<10} {where}")
    if "assembled" in {row["origin"] for row in found.values()}:
        typer.echo(
            "assembled: put together from public packages, for trying and testing; in production use packaged ones"
        )
