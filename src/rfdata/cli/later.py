"""Verbs of the design that this version doesn't have yet. They say so, and do nothing."""

from __future__ import annotations

from collections.abc import Callable

import typer

from rfdata.errors import UsageError

LATER = {
    "backup": "backups",
    "restore": "restoring backups",
    "drill": "drills (restore, point-in-time recovery, failover, load)",
    "render": "files for Docker Compose",
    "serve": "the web page",
}


def register(app: typer.Typer) -> None:
    """Add one command per pending verb."""
    for verb, what in LATER.items():
        app.command(
            verb,
            help=f"Pending, for a later version: {what}.",
            epilog=f"Example: rfdata -C deployment {verb}",
            context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        )(_pending(verb, what))


def _pending(verb: str, what: str) -> Callable[[], None]:
    def pending() -> None:
        raise UsageError(
            f"`rfdata {verb}` is pending, for a later version: {what}; nothing was done",
            hint="`rfdata verify` shows the lines that wait for it as pending",
        )

    return pending
