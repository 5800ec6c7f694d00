"""`rfdata migrate`: the schema, brought forward and back, and proved on a copy first."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rfdata.cli import settled
from rfdata.cli.options import (
    Format,
    FormatOption,
    VerboseOption,
    YesOption,
    options,
    print_json,
)

if TYPE_CHECKING:
    from rfdata.config.load import Config
    from rfdata.migrations.resolve import How
    from rfdata.model.facts import Problem
    from rfdata.model.plan import Plan
    from rfdata.plan.migrations import Leave
    from rfdata.targets.base import Target

app = typer.Typer(
    help="The schema: migrations applied, taken back, linted and rehearsed.",
    epilog="Example: rfdata -C deployment migrate up",
    no_args_is_help=True,
)

WithoutBackup = Annotated[
    str, typer.Option(metavar="REASON", help="Go on without a fresh backup; put on record.")
]
WithoutRehearsal = Annotated[
    str, typer.Option(metavar="REASON", help="Go on without a rehearsal; put on record.")
]
To = Annotated[str | None, typer.Option(help="The number or name to stop at.")]


class Settled(StrEnum):
    APPLIED = "applied"
    NOT_APPLIED = "not-applied"

    @property
    def how(self) -> How:
        return "applied" if self is Settled.APPLIED else "not-applied"


@app.command(epilog="Example: rfdata -C deployment migrate status --format json")
def status(context: typer.Context, format: FormatOption = Format.TEXT) -> int:
    """What is applied and what isn't; exit code 1 unless everything is."""
    from rfdata import migrate
    from rfdata.cli import show_migrations as show

    config, target = options(context).open()
    picture = migrate.read(config, target)
    if format is Format.JSON:
        print_json(migrate.to_json(picture))
    else:
        show.status(picture)
    return 0 if picture.settled else 1


@app.command(epilog="Example: rfdata -C deployment migrate up --to 7")
def up(
    context: typer.Context,
    to: To = None,
    yes: YesOption = False,
    without_backup: WithoutBackup = "",
    without_rehearsal: WithoutRehearsal = "",
    resume: Annotated[
        str | None, typer.Option(help="Go on with this one, which failed outside of a transaction.")
    ] = None,
    verbose: VerboseOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Apply what is pending, each migration exactly once, and stop at the first error."""
    from rfdata import migrate
    from rfdata.plan.migrations import Leave

    before = settled.state(str(options(context).directory))
    config, target = options(context).open_to_change()
    leave = Leave(without_backup, without_rehearsal)
    if resume is not None:
        typer.echo(migrate.settle(config, target, resume, "again"), err=True)
    plan = migrate.up(config, target, to, leave)
    _apply(config, target, plan, "migrate up", leave, yes=yes, verbose=verbose, format=format)
    if to is None:
        settled.remember(config, before, migrate.ledger_digest(config, target, settled.LEDGER))


@app.command(epilog="Example: rfdata -C deployment migrate down --to 6")
def down(
    context: typer.Context,
    to: To = None,
    yes: YesOption = False,
    without_backup: WithoutBackup = "",
    verbose: VerboseOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Take back everything after --to, 0 for all of it; without --to, the newest one."""
    from rfdata import migrate
    from rfdata.plan.migrations import Leave

    config, target = options(context).open_to_change()
    leave = Leave(without_backup)
    plan = migrate.down(config, target, to, leave)
    _apply(config, target, plan, "migrate down", leave, yes=yes, verbose=verbose, format=format)


@app.command(epilog="Example: rfdata -C deployment migrate rehearse")
def rehearse(
    context: typer.Context,
    all: Annotated[
        bool, typer.Option("--all", help="Everything, from an empty database on.")
    ] = False,
    verbose: VerboseOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Try what is pending on a scratch copy: up, down, up again, under a small load.

    With nothing pending, or --all: every migration, on an empty database.
    """
    from rfdata import migrate

    config, target = options(context).open_to_change()
    plan = migrate.rehearsal(config, target, everything=all)
    _run(config, target, plan, "migrate rehearse", verbose=verbose)
    found = migrate.last_rehearsal(config)
    if format is Format.JSON:
        print_json(found)
    else:
        from rfdata.cli import show_migrations as show

        show.rehearsal(found)


@app.command(epilog="Example: rfdata -C deployment migrate new add_orcid_to_users")
def new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What it does, in words joined by _.")],
    format: FormatOption = Format.TEXT,
) -> None:
    """Write the three files of a new migration, with the next number."""
    from rfdata.config.load import load
    from rfdata.migrations.new import new as write
    from rfdata.migrations.shipped import FOLDER

    config = load(options(context).directory)
    paths = write(config.directory / FOLDER, name)
    if format is Format.JSON:
        print_json([str(path) for path in paths])
    else:
        for path in paths:
            typer.echo(f"written    {path}")


@app.command(epilog="Example: rfdata migrate lint path/to/any/folder")
def lint(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="Any folder of .sql files; default: the deployment's.")
    ] = None,
    strict: Annotated[
        bool | None,
        typer.Option(help="Warnings fail as well; default: in the prod profile they do."),
    ] = None,
    format: FormatOption = Format.TEXT,
) -> int:
    """Read every file for what goes wrong in production; needs no database."""
    from rfdata.cli import show_migrations as show
    from rfdata.migrate import problem_to_json
    from rfdata.migrations.lint import lint as examine

    if folder is None:
        from rfdata.config.load import load
        from rfdata.migrations.shipped import FOLDER

        config = load(options(context).directory)
        folder = config.directory / FOLDER
        strict = config.profile == "prod" if strict is None else strict
    found = examine(folder)
    if format is Format.JSON:
        print_json([problem_to_json(problem) for problem in found])
    else:
        show.findings(found)
    return 1 if any(_fails(problem, strict=strict is not False) for problem in found) else 0


@app.command(epilog="Example: rfdata -C deployment migrate baseline --to 12")
def baseline(
    context: typer.Context,
    to: Annotated[str, typer.Option(help="The newest migration that the database already has.")],
    yes: YesOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Adopt a database that already has these migrations: they are recorded, not run."""
    from rfdata import migrate
    from rfdata.cli.layer import ask

    config, target = options(context).open_to_change()
    if not yes:
        ask(f"Record every migration up to {to} as already applied, without running any?")
    done = migrate.adopt(config, target, to)
    if format is Format.JSON:
        print_json(list(done))
    else:
        typer.echo(f"adopted: {', '.join(done) or 'nothing'}")


@app.command(epilog="Example: rfdata -C deployment migrate resolve 7 --as applied")
def resolve(
    context: typer.Context,
    migration: Annotated[str, typer.Argument(help="The migration that did not end.")],
    how: Annotated[Settled, typer.Option("--as", help="What a person found it to be.")],
) -> None:
    """Settle a migration that failed outside of a transaction, after looking at the database."""
    from rfdata import migrate

    config, target = options(context).open_to_change()
    typer.echo(migrate.settle(config, target, migration, how.how))


@app.command(epilog="Example: rfdata -C deployment migrate schema --out docs/schema")
def schema(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the pages and diagrams; default: print one.")
    ] = None,
    sizes: Annotated[bool, typer.Option(help="With rows and sizes.")] = True,
) -> None:
    """The live schema as Markdown with entity diagrams: tables, columns, keys, indexes, sizes."""
    from rfdata import migrate

    config, target = options(context).open()
    pages = migrate.document(config, target, sizes=sizes)
    if out is None:
        typer.echo(pages["README.md"], nl=False)
        return
    for name in migrate.write_pages(out, pages):
        typer.echo(f"written    {out / name}")


def _apply(
    config: Config,
    target: Target,
    plan: Plan,
    verb: str,
    leave: Leave,
    *,
    yes: bool,
    verbose: bool,
    format: Format,
) -> None:
    from rfdata.cli import show
    from rfdata.cli.layer import ask

    if not plan.empty and not yes:
        show.plan(plan, stream=sys.stderr)
        ask(f"Apply {show.counted(len(plan.steps))}?")
    if not plan.empty:
        from rfdata import migrate

        migrate.put_on_record(config, verb, leave)
        _run(config, target, plan, verb, verbose=verbose)
    names = [name for step in plan.steps for name in step.detail]
    if format is Format.JSON:
        print_json({"plan": plan.digest, "migrations": [name[2:] for name in names]})
    elif plan.empty:
        typer.echo(settled.NOTHING)
    else:
        typer.echo("\n".join(names))


def _run(config: Config, target: Target, plan: Plan, verb: str, *, verbose: bool) -> None:
    from rfdata import apply
    from rfdata.cli.progress import activity

    with activity("migrate", verbose=verbose) as progress:
        apply.apply(config, target, plan, progress, again=f"rfdata {verb}")


def _fails(problem: Problem, *, strict: bool) -> bool:
    return not problem.waived and (strict or problem.severity == "error")
