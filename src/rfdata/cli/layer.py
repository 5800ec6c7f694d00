"""The verbs that build and watch the layer: init, plan, up, down, status, agent, doctor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rfdata.cli.options import (
    Format,
    FormatOption,
    VerboseOption,
    YesOption,
    alone,
    options,
    print_json,
    require_writable,
    write_out,
)
from rfdata.cli.progress import Activity, activity

if TYPE_CHECKING:
    from rfdata.apply import Approve
    from rfdata.config.load import Config
    from rfdata.model.facts import Facts
    from rfdata.model.plan import Plan


def register(app: typer.Typer) -> None:
    """Add these verbs to the program."""
    app.command(epilog="Example: rfdata -C deployment init --profile prod")(init)
    app.command(epilog="Example: rfdata -C deployment plan --out plan.json")(plan)
    app.command(epilog="Example: rfdata -C deployment up --yes")(up)
    app.command(epilog="Example: rfdata -C deployment down")(down)
    app.command(epilog="Example: rfdata -C deployment status")(status)
    app.command(epilog="Example: rfdata -C deployment doctor")(doctor)
    app.command(hidden=True)(agent)


def init(
    context: typer.Context,
    profile: Annotated[str | None, typer.Option(help="dev or prod; a new one is prod.")] = None,
    target: Annotated[
        str | None, typer.Option(help="native or external; a new one is native.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The deployment's name; a new one's is researchflow.")
    ] = None,
    postgres_port: Annotated[int, typer.Option(help="0: 5432 or the next free one.")] = 0,
    redis_port: Annotated[int, typer.Option(help="0: 6379 or the next free one.")] = 0,
    redis_durable_port: Annotated[int, typer.Option(help="0: 6380 or the next free one.")] = 0,
    force: Annotated[bool, typer.Option(help="Replace changed files; copies are kept.")] = False,
    example: Annotated[
        bool, typer.Option(help="Only print rfdata.toml with its defaults.")
    ] = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Write a deployment directory; what a person changed is kept."""
    from rfdata import init as initialise
    from rfdata.cli.ports import chooser

    if example:
        typer.echo(initialise.example(), nl=False)
        return
    asked = {"postgres": postgres_port, "redis": redis_port, "redis_durable": redis_durable_port}
    wish = initialise.Wish(profile, target, name, {k: v for k, v in asked.items() if v}, force)
    written = initialise.init(options(context).directory, wish, chooser(wish.ports))
    if format is Format.JSON:
        print_json([{"path": str(w.path), "outcome": w.outcome, "note": w.note} for w in written])
        return
    for entry in written:
        note = f"  ({entry.note})" if entry.note else ""
        typer.echo(f"{entry.outcome:<10} {entry.path}{note}")


def plan(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="Keep it, for `up --plan FILE`.")] = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Show what `up` would change, and change nothing."""
    from rfdata.cli import show
    from rfdata.plan.keep import to_json
    from rfdata.plan.make import make_plan

    require_writable(out)
    config, target = options(context).open_to_change()
    with activity("reading what is there"):
        facts = target.gather(config)
        found = make_plan(config, target.desired(config, facts), facts)
    if out is not None:
        import json

        write_out(out, json.dumps(to_json(found), indent=2) + "\n", mode=0o600)
    if format is Format.JSON:
        print_json(to_json(found))
    else:
        show.plan(found)
    _say_what_waits(config, facts)


def up(
    context: typer.Context,
    yes: YesOption = False,
    plan: Annotated[Path | None, typer.Option(help="Apply exactly this kept plan.")] = None,
    verbose: VerboseOption = False,
    format: FormatOption = Format.TEXT,
) -> int:
    """Plan, apply, verify and report. Changes nothing when nothing has to change."""
    from rfdata import apply
    from rfdata.plan.keep import read_digest

    config, target = options(context).open_to_change()
    with (
        alone(config, "rfdata up"),
        activity("up", verbose=verbose) as progress,
    ):
        kept = read_digest(plan.absolute()) if plan else None
        done = apply.converge(
            config,
            target,
            approve=_approver(yes, format, progress),
            kept=kept,
            progress=progress,
            meanwhile=_prepare_reports,
        )
        progress("verifying")
        from rfdata import verify

        report = verify.record(done.config, verify.judge(done.config, done.facts))
        paths = verify.write_reports(done.config, report)
    if format is Format.JSON:
        from rfdata.report.build import to_json

        print_json(
            {**to_json(report), "plans": [p.digest for p in done.plans], "steps": done.steps}
        )
    else:
        from rfdata.cli import show

        show.up(done.steps, report, paths)
    _say_what_waits(done.config, done.facts)
    return verify.exit_code(report)


def down(
    context: typer.Context,
    yes: YesOption = False,
    verbose: VerboseOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Stop the servers; all data stays."""
    from rfdata import apply

    config, target = options(context).open_to_change()
    if not yes:
        ask(f"Stop the servers of {config.settings.deployment.name}? Their data stays.")
    with (
        alone(config, "rfdata down"),
        activity("down", verbose=verbose) as progress,
    ):
        stopped = apply.stop(config, target, progress)
    if format is Format.JSON:
        print_json({"stopped": list(stopped)})
    elif stopped:
        typer.echo(
            f"stopped: {', '.join(stopped)}; the data is kept, `rfdata up` starts them again"
        )
    else:
        typer.echo("nothing was running")


def status(context: typer.Context, format: FormatOption = Format.TEXT) -> int:
    """One screen: servers, versions, uptime, connections, memory, certificates, checklist."""
    from rfdata import status as picture
    from rfdata.cli import show

    config, target = options(context).open()
    with activity("reading"):
        found = picture.read(config, target.gather(config))
    if format is Format.JSON:
        print_json(picture.to_json(found))
    else:
        show.status(found)
    return 0 if found.all_reached else 3


def doctor(context: typer.Context, format: FormatOption = Format.TEXT) -> int:
    """What this machine has and lacks for a deployment: programs, rights, ports."""
    from rfdata import doctor as examination

    findings = examination.examine(options(context).directory)
    if format is Format.JSON:
        print_json(
            [
                {"what": f.what, "good": f.good, "found": f.found, "remedy": f.remedy}
                for f in findings
            ]
        )
    else:
        for finding in findings:
            typer.echo(f"{'ok  ' if finding.good else 'LACK'}  {finding.what}: {finding.found}")
            if not finding.good:
                typer.echo(f"      -> {finding.remedy}")
    return 0 if all(finding.good for finding in findings) else 3


def agent(context: typer.Context) -> None:
    """Watch the servers: restart, poll health, rotate logs (started by `up`)."""
    import gc

    from rfdata.config.load import load
    from rfdata.targets.native.agent import run_agent

    gc.enable()
    run_agent(load(options(context).directory))


def _approver(yes: bool, format: Format, progress: Activity) -> Approve:
    """How a plan gets its yes: shown, then asked for, unless --yes already said so."""
    from rfdata.cli import show

    def approve(found: Plan, applied: bool) -> bool:
        progress.pause()
        try:
            return shown_and_asked(found, applied)
        finally:
            progress.resume()

    def shown_and_asked(found: Plan, applied: bool) -> bool:
        if format is Format.TEXT:
            show.plan(found, stream=sys.stderr)
        if yes:
            return False
        left = "nothing was done" if not applied else "these steps were not done, those before were"
        ask(f"Apply {show.counted(len(found.steps))}?", left)
        return True

    return approve


def _say_what_waits(config: Config, facts: Facts) -> None:
    """Migrations that `up` leaves to a person: what they wait for."""
    from rfdata.plan.migrations import refusal

    waits = refusal(config, facts)
    if waits is not None:
        typer.echo(f"rfdata: the schema stays as it is. {waits.message}", err=True)
        for line in waits.hint.splitlines():
            typer.echo(f"     -> {line}", err=True)


def _prepare_reports() -> None:
    """Import what the end of `up` needs, at a time when nobody waits for it."""
    from rfdata import verify  # noqa: F401 - the catalogue of lines and checks
    from rfdata.report import html

    html.template()


def ask(question: str, left: str = "nothing was done") -> None:
    from rfdata.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(
            f"nobody is there to ask; {left}", hint="add --yes to go on without asking"
        )
    if not typer.confirm(question, err=True):
        raise UsageError(f"not applied; {left}")
