"""Which port a new server gets: the usual one, or where that is busy, one that is asked for or free."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import typer

from rfdata.errors import UsageError
from rfdata.init import ChoosePort
from rfdata.targets.native import ports

HIGHEST_TRIED = 200


def chooser(asked: Mapping[str, int] | None) -> ChoosePort:
    """A function that settles each server's port, telling on stderr when it isn't the usual one.

    Ports that were asked for by name are checked at once: busy or not allowed is a UsageError.
    """
    taken = set((asked or {}).values())
    for server, port in (asked or {}).items():
        _require(server, port)

    def choose(server: str, usual: int) -> int:
        port = usual
        if (holder := ports.holder(usual)) is not None:
            free = _free_from(usual + 1, taken)
            typer.echo(f"port {usual} ({server}) is busy: {holder}", err=True)
            port = _ask(server, free) if sys.stdin.isatty() else free
            typer.echo(f"{server} gets port {port}", err=True)
        elif usual in taken:
            port = _free_from(usual + 1, taken)
        taken.add(port)
        return port

    return choose


def _ask(server: str, free: int) -> int:
    port = int(typer.prompt(f"port for {server}", default=free, type=int, err=True))
    _require(server, port)
    return port


def _require(server: str, port: int) -> None:
    if not 1 <= port <= 65535:
        raise UsageError(
            f"port {port} ({server}) is impossible",
            hint="ports go from 1 to 65535: name a free one",
        )
    if port < (lowest := ports.first_allowed()):
        raise UsageError(
            f"port {port} ({server}) needs a right that the servers' users lack",
            hint=f"choose one from {lowest} up",
        )
    if (holder := ports.holder(port)) is not None:
        raise UsageError(f"port {port} ({server}) is busy: {holder}", hint="name a free one")


def _free_from(first: int, taken: set[int]) -> int:
    for port in range(first, first + HIGHEST_TRIED):
        if port not in taken and ports.holder(port) is None:
            return port
    raise UsageError(
        f"no free port between {first} and {first + HIGHEST_TRIED}", hint="name one yourself"
    )
