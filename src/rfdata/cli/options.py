"""What all verbs share: the deployment directory, the output format, opening a layer."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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


def options(context: typer.Context) -> Options:
    found: Options = context.obj
    return found


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
