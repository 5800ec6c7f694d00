"""`rfdata`: the program. Imports nothing heavy: each verb imports what it needs when it runs."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

import rfdata
from rfdata.cli import certs, evidence, later, layer, migrate, proof, runtime
from rfdata.cli.options import Options
from rfdata.errors import RfdataError

INTERRUPTED = 130
BAD_USAGE = 2
FAILED_CHANGE = 4

app = typer.Typer(
    name="rfdata",
    help="The ResearchFlow data layer: built, proved line by line, and shown.",
    epilog="Example: rfdata -C deployment init && rfdata -C deployment up",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
layer.register(app)
proof.register(app)
app.add_typer(proof.checks_app, name="checks")
app.add_typer(evidence.app, name="evidence")
app.add_typer(certs.app, name="certs")
app.add_typer(runtime.app, name="runtime")
app.add_typer(migrate.app, name="migrate")
later.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rfdata {rfdata.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    directory: Annotated[
        Path, typer.Option("-C", metavar="DIR", help="The deployment directory.")
    ] = Path(),
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    context.obj = Options(directory)


def main() -> None:
    """Run, and leave with the exit code of the design's table; no traceback reaches a person.

    One call lives for a second: collecting its garbage and taking its modules apart again would
    be a sixth of that. Whatever must be on the disk is there before a verb returns.
    """
    gc.disable()
    code = run(sys.argv[1:])
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)


def run(arguments: list[str]) -> int:
    """One call of the program; returns its exit code."""
    os.umask(0o077)
    try:
        result = app(arguments, standalone_mode=False, prog_name="rfdata")
    except RfdataError as error:
        return _say(error.message, error.hint, error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted; the next run goes on from here", "", INTERRUPTED)
    except (BrokenPipeError, SystemExit):  # the latter is what Typer makes of the former
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _say(
            f"the system refused: {error}", "mend that, then run the same again", FAILED_CHANGE
        )
    except Exception as error:  # noqa: BLE001 - the edge: a person gets a sentence, never a traceback
        return _translate(error)
    if result == INTERRUPTED:  # Typer makes an exit code of Ctrl-C and says nothing
        return _say("interrupted; the next run goes on from here", "", INTERRUPTED)
    return result if isinstance(result, int) else 0


def _translate(error: Exception) -> int:
    shown = getattr(error, "format_message", None)
    if shown is not None:
        context = getattr(error, "ctx", None)
        if context is not None and shown() == context.get_help():  # a verb was left out
            typer.echo(shown(), err=True)
            return BAD_USAGE
        hint = f"{context.command_path} --help" if context is not None else "rfdata --help"
        return _say(shown(), hint, BAD_USAGE)
    if os.environ.get("RFDATA_DEBUG"):
        raise error
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
    return _say(
        f"a defect of rfdata itself ({type(error).__name__} at {place}); please report it",
        "RFDATA_DEBUG=1 shows where, for the report",
        FAILED_CHANGE,
    )


def _say(message: str, hint: str, code: int) -> int:
    for number, line in enumerate(message.splitlines() or [""]):
        typer.echo(f"{'rfdata:' if number == 0 else '       '} {line}", err=True)
    for line in hint.splitlines():
        typer.echo(f"     -> {line}", err=True)
    return code
