"""The program inside this process: as quick as a function, with everything that it says."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from tests.e2e import layer
from tests.e2e.layer import Ended

import rfdata.plan.keep
import rfdata.plan.make
import rfdata.report.render
import rfdata.targets.external
import rfdata.targets.native.agent
import rfdata.targets.native.target
import rfdata.verify  # noqa: F401 - all of it now: somebody else may not read root's Python
from rfdata.cli.main import run


def call(*arguments: str | Path, code: int | Sequence[int] | None = 2) -> Ended:
    """One call without a terminal. It never shows a traceback; a refusal names a remedy."""
    words = [str(argument) for argument in arguments]
    out, err = io.StringIO(), io.StringIO()
    mask, stdin = os.umask(0o077), sys.stdin
    sys.stdin = io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            ended = Ended(tuple(words), run(words), out.getvalue(), err.getvalue())
    finally:
        os.umask(mask)
        sys.stdin = stdin
    ended = Ended(ended.arguments, ended.code, out.getvalue(), err.getvalue())
    assert "Traceback" not in ended.said, ended
    assert "defect of rfdata" not in ended.said, ended
    if code is not None:
        assert ended.code in ([code] if isinstance(code, int) else code), ended
    if ended.code == 2:
        assert "     -> " in ended.err or "Usage: " in ended.err, ended
    return ended


@contextmanager
def untouched(*folders: Path, locks: Sequence[str] = ()) -> Iterator[None]:
    """Not one file below these folders is made, removed or changed, but for these lock files."""
    there = [folder for folder in folders if folder.exists()]
    before = layer.tree(*there, leave_out=locks)
    yield
    assert [folder for folder in folders if folder.exists()] == there
    assert layer.tree(*there, leave_out=locks) == before
