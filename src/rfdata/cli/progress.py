"""Live progress on stderr for a person; silence where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rfdata.targets.base import Progress


@contextmanager
def activity(title: str, *, verbose: bool = False) -> Iterator[Progress]:
    """A spinner with the current sentence and the time since the start, on a terminal only.

    `verbose` prints every sentence on a line of its own instead, terminal or not.
    """
    if verbose:
        # one write for words and line end: several threads speak
        yield lambda sentence: print(f"{sentence}\n", end="", file=sys.stderr, flush=True)  # noqa: T201
        return
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title)
        yield lambda sentence: bar.update(task, description=sentence)
