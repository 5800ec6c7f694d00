"""Live progress on stderr for a person; silence where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Activity:
    """Called with a sentence, it shows it; `pause` and `resume` leave the terminal to a question."""

    say: Callable[[str], None]
    pause: Callable[[], None] = _nothing
    resume: Callable[[], None] = _nothing

    def __call__(self, sentence: str) -> None:
        self.say(sentence)


@contextmanager
def activity(title: str, *, verbose: bool = False) -> Iterator[Activity]:
    """A spinner with the current sentence and the time since the start, on a terminal only.

    `verbose` prints every sentence on a line of its own instead, terminal or not.
    """
    if verbose:
        # one write a line: lanes speak at the same time
        yield Activity(lambda sentence: print(f"{sentence}\n", end="", file=sys.stderr, flush=True))  # noqa: T201
        return
    if not sys.stderr.isatty():
        yield Activity(lambda _: None)
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title)
        yield Activity(lambda said: bar.update(task, description=said), bar.stop, bar.start)
