"""What all verbs share: the deployment directory, the output format, opening a layer."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rfdata.errors import UsageError

if TYPE_CHECKING:
    from rfdata.config.load import Config
    from rfdata.targets.base import Target


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="What stdout gets; logs go to stderr.")
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Say each step on stderr.")]
LOCK = ".lock"
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Apply without asking.")]


@dataclass(frozen=True)
class Options:
    directory: Path

    def open(self) -> tuple[Config, Target]:
        """The deployment's configuration and the place that it describes."""
        from rfdata.config.load import load
        from rfdata.targets.open import open_target

        config = load(self.directory)
        return config, open_target(config)

    def open_to_change(self) -> tuple[Config, Target]:
        """The same for verbs that change the place: refused before anything is done where it isn't ours."""
        config, target = self.open()
        if not target.can_change:
            raise UsageError(
                "these servers are run by someone else (target external): rfdata only verifies them",
                hint="use `rfdata verify`; to build a layer, init one with --target native",
            )
        return config, target


def options(context: typer.Context) -> Options:
    found: Options = context.obj
    return found


@contextmanager
def alone(config: Config, purpose: str) -> Iterator[None]:
    """Nobody else changes this deployment meanwhile."""
    from rfdata import files

    with ExitStack() as held:
        try:
            held.enter_context(files.lock(config.directory / LOCK, purpose=purpose))
        except OSError as error:
            raise UsageError(
                f"{config.directory / LOCK}: {error.strerror}; nothing was done",
                hint="it must be a file that we may write in a folder that we may write",
            ) from error
        yield


def require_writable(out: Path | None) -> None:
    """Raise UsageError, before any work is done, for an --out that can't become a file."""
    if out is None:
        return
    if not out.absolute().parent.is_dir():
        raise UsageError(
            f"--out {out}: there is no folder {out.absolute().parent}", hint="make it first"
        )
    if out.is_dir():
        raise UsageError(f"--out {out} is a folder", hint="name a file in it")


def write_out(out: Path, text: str, *, mode: int = 0o644) -> None:
    """What --out asked for. Raises UsageError when the file can't be written."""
    from rfdata import files

    try:
        files.write(out.absolute(), text, mode=mode)
    except OSError as error:
        raise UsageError(
            f"--out {out}: {error.strerror}", hint="name a file in a folder that we may write"
        ) from error


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
