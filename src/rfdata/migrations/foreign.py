"""Any folder of SQL files, whoever runs them: Flyway's, dbmate's, golang-migrate's, psql's."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rfdata.errors import UsageError
from rfdata.migrations import directives
from rfdata.migrations.finding import Part
from rfdata.migrations.folder import NAME
from rfdata.migrations.migration import Directives, Script
from rfdata.migrations.source import Unfit, read_script
from rfdata.model.migrations import Problem

_NUMBER = re.compile(r"([vVuUbB]?)([0-9]+(?:[._][0-9]+)*(?=__)|[0-9]+)(?![0-9])", re.ASCII)
"""V1_2__name, 20240131_name, 001-name, 7.sql."""
_BACK = re.compile(r"(?:^|/)(?:rollback|down|undo|revert)s?(?:/|$)|[._-](?:down|undo)\.sql$", re.I)
_FLYWAY_BACK = re.compile(r"U[0-9._]+__")


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a folder, whatever its name."""

    path: str
    """Below the folder."""
    part: Part
    script: Script
    directives: Directives


def looks_like_ours(folder: Path) -> bool:
    """At least half of its SQL files are named like migrations of ours, and none lies deeper alone."""
    try:
        names = [name for name in os.listdir(folder) if name.lower().endswith(".sql")]  # noqa: PTH208
    except OSError:
        return True  # `read_folder` says why it can't be read
    ours = sum(NAME.fullmatch(name) is not None for name in names)
    return 2 * ours >= len(names) and (bool(names) or not any(_paths(folder)))


def read_foreign(folder: Path) -> tuple[list[Source], list[Problem]]:
    """All its SQL files in the order of their paths, and what is wrong with files and numbers."""
    sources, problems = [], []
    for path in sorted(_paths(folder)):
        try:
            script = read_script(f"{folder}/{path}")
        except Unfit as error:
            place = (error.line, error.column)
            problems.append(Problem(path, *place, error.rule, error.message, error.hint, "error"))
            continue
        asked, wrong = directives.parse(script.text, path)
        sources.append(Source(path, _part(path), script, asked))
        problems += wrong
    problems += _order([source.path for source in sources if source.part == "main"])
    return sources, problems


def _paths(folder: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise UsageError(
            f"{error.filename}: the folder can't be read: {error.strerror}",
            hint="name a folder of .sql files that you may read",
        ) from error

    for where, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = os.path.relpath(where, folder)
        for name in names:
            if name.lower().endswith(".sql") and not name.startswith("."):
                yield name if below == "." else f"{below}/{name}"


def _part(path: str) -> Part:
    if path.startswith("verify/"):
        return "verify"
    name = path.rpartition("/")[2]
    return "rollback" if _BACK.search(path) or _FLYWAY_BACK.match(name) else "main"


def _number(path: str) -> tuple[int, ...]:
    """A file's number in its folder, as the parts of a version; none: empty."""
    match = _NUMBER.match(path.rpartition("/")[2])
    return tuple(int(part) for part in re.split(r"[._]", match[2])) if match else ()


def _order(paths: Sequence[str]) -> Iterator[Problem]:
    """Numbers that two files of a folder share, and names that don't sort as their numbers do."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        if _number(path):
            folders[path.rpartition("/")[0]].append(path)
    for inside in folders.values():
        same: dict[tuple[int, ...], list[str]] = defaultdict(list)
        for path in inside:
            same[_number(path)].append(path)
        for number, each in same.items():
            for path in each[1:]:
                message = f"number {'.'.join(map(str, number))} is also that of {each[0]}"
                yield Problem(path, 0, 0, "duplicate-number", message, "renumber one", "error")
        for before, path in pairwise(inside):
            by_name = not path.rpartition("/")[2][0].isalpha()  # Flyway sorts by number
            if by_name and _number(path) < _number(before):
                message = f"sorts behind {before.rpartition('/')[2]} by name, before it by number"
                remedy = "give all numbers one width"
                yield Problem(path, 0, 0, "mixed-width", message, remedy, "warning")
