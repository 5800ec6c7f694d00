"""squawk, which knows the statements that block or break a database in use: run, and its words made ours.

Only on main scripts. A rollback drops what its migration made, line by line what squawk warns of.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rfdata.errors import ProgramMissing, Unreachable
from rfdata.migrations.migration import Script
from rfdata.model.migrations import Problem
from rfdata.shell import Command, run

PREFIX = "squawk/"
POSTGRES = "16"

OURS: Mapping[str, str] = {
    "require-timeout-settings": "the runner sets them for every file",
    "require-lock-timeout": "the runner sets one for every file",
    "require-statement-timeout": "the runner sets one for every file",
    "transaction-nesting": "transaction-control",
    "ban-uncommitted-transaction": "transaction-control",
    "ban-concurrent-index-creation-in-transaction": "outside-transaction",
    "ban-drop-table": "drop-table",
    "ban-drop-column": "drop-column",
    "ban-truncate-cascade": "truncate",
    "ban-drop-schema": "drop-schema",
    "ban-drop-database": "beyond-database",
    "ban-alter-role-options": "role",
    "ban-alter-system-options": "beyond-database",
    "ban-alter-database-options": "beyond-database",
}
"""Rules of squawk's that are left out, and who sees to them: mostly a rule of `examine`.

Left out here and not by `--exclude`, which refuses names that another version of squawk lacks.
"""

LARGEST = 16 * 1024 * 1024
"""Bytes. squawk takes some thirty times as much memory as a file has."""
_BATCH = 500
"""Files to a call: their names stay far below what a command line takes."""
_TIMEOUT = 300.0


def squawk(root: Path, scripts: Sequence[tuple[str, Script, bool]]) -> Iterator[Problem]:
    """What squawk says of these files: each its path below `root`, its text, if it has a transaction.

    Raises ProgramMissing, and Unreachable where squawk does not answer.
    """
    texts = {path: script.text for path, script, _ in scripts}
    small = [each for each in scripts if len(each[1].text.encode()) <= LARGEST]
    for path in texts.keys() - {path for path, *_ in small}:
        yield _too_large(path)
    if not small:
        return
    program = find_squawk()
    for transactional in (True, False):
        paths = [path for path, _, own in small if own is transactional]
        for start in range(0, len(paths), _BATCH):
            for found in _answer(program, root, paths[start : start + _BATCH], transactional):
                if found["rule_name"] not in OURS:
                    yield _problem(found, texts)


def find_squawk() -> str:
    """Beside our own interpreter, where its package puts it; else on PATH. Raises ProgramMissing."""
    beside = Path(sys.executable).with_name("squawk")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("squawk")
    if found is None:
        raise ProgramMissing(
            "squawk, which reads migrations for what blocks a database in use, is not on this machine",
            hint=f"{sys.executable} -m pip install squawk-cli",
        )
    return found


def _answer(
    program: str, root: Path, paths: Iterable[str], transactional: bool
) -> list[dict[str, object]]:
    """Its findings as it prints them. No configuration but ours: waivers stand in the files."""
    done = run(
        Command(
            (
                *(program, "--config", os.devnull, "--reporter", "json"),
                *("--pg-version", POSTGRES),
                *(["--assume-in-transaction"] if transactional else []),
                *("--", *(_literal(path) for path in paths)),
            ),
            cwd=root,
            timeout=_TIMEOUT,
        ),
        check=False,
    )
    try:
        found = json.loads(done.stdout)
    except ValueError as error:
        raise Unreachable(
            f"{program} ended with {done.code}: {done.tail}", hint="pip install -U squawk-cli"
        ) from error
    if not isinstance(found, list):
        raise Unreachable(
            f"{program} answers in a form of its own", hint="pip install -U squawk-cli"
        )
    return found


def _literal(path: str) -> str:
    """squawk takes its arguments for patterns.

    >>> _literal("a[1].sql")
    'a[[]1].sql'
    """
    return "".join(f"[{letter}]" if letter in "[*?" else letter for letter in path)


def _problem(found: Mapping[str, object], texts: Mapping[str, str]) -> Problem:
    path = str(found["file"]).removeprefix("./")
    line, column = _place(texts.get(path, ""), int(str(found["line"])), int(str(found["column"])))
    rule = f"{PREFIX}{found['rule_name']}"
    remedy = str(
        found.get("help") or f"mend it, or `-- rfdata: waive {rule}: why it is right here`"
    )
    return Problem(path, line, column, rule, str(found["message"]), remedy, "warning")


def _place(text: str, line: int, byte: int) -> tuple[int, int]:
    """squawk counts lines and bytes from 0, we count lines and characters from 1."""
    start = 0
    for _ in range(line):
        start = text.find("\n", start) + 1
    end = text.find("\n", start)
    row = text[start : end if end >= 0 else len(text)].encode()
    return line + 1, len(row[:byte].decode(errors="ignore")) + 1


def _too_large(path: str) -> Problem:
    return Problem(
        path,
        *(0, 0, "not-linted"),
        f"more than {LARGEST // 1024**2} MB: squawk has not read it",
        "load data from outside of migrations, or `-- rfdata: waive not-linted: what is in it`",
        "warning",
    )
