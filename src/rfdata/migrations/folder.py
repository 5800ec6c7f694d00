"""A folder of migrations as it lies on the disk: names, order, encoding, directives, checksums.

Read in one go and never lexed, so that a thousand applied migrations cost a `migrate up` nothing
that anyone notices. What the SQL itself does wrong, `examine` says.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from rfdata.errors import UsageError
from rfdata.migrations import directives
from rfdata.migrations.migration import Directives, Folder, Migration, Script
from rfdata.migrations.source import Unfit, read_script
from rfdata.model.migrations import Problem

ROLLBACK = "rollback"
VERIFY = "verify"
NAME = re.compile(r"([0-9]+)_([a-z0-9_]+)\.sql", re.ASCII)
LARGEST = 2**63 - 1
"""The ledger's number is a bigint."""


@dataclass
class _Reading:
    """One reading of the folder: where, and what was found wrong."""

    root: str
    problems: list[Problem] = field(default_factory=list)

    def say(self, path: str, rule: str, message: str, remedy: str) -> None:
        self.problems.append(Problem(path, 0, 0, rule, message, remedy, "error"))


def read_folder(path: Path) -> Folder:
    """All migrations in the order of their numbers, with every trouble as a problem.

    A file that can't be read as SQL is a problem and no migration. Raises UsageError where the
    folder itself can't be read.
    """
    reading = _Reading(str(path))
    mains = _names(reading, "")
    rollbacks, verifies = _names(reading, ROLLBACK), _names(reading, VERIFY)
    _orphans(reading, ROLLBACK, rollbacks, mains)
    _orphans(reading, VERIFY, verifies, mains)
    _order(reading, mains)
    migrations = [
        migration
        for name, number in sorted(mains.items(), key=lambda each: (each[1], each[0]))
        if (migration := _migration(reading, name, number, rollbacks, verifies))
    ]
    reading.problems.sort(key=lambda problem: (problem.path, problem.line, problem.column))
    return Folder(path, tuple(migrations), tuple(reading.problems))


def better_name(name: str, number: str = "0001") -> str:
    """A good file name that is near to a bad one.

    >>> better_name("12-Add Users.SQL")
    '12_add_users.sql'
    """
    stem = name[:-4] if name.lower().endswith(".sql") else name
    digits = re.match(r"[vV]?([0-9]*)", stem, re.ASCII)
    words = stem[digits.end() :] if digits else stem
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", words).lower()
    words = re.sub(r"[^a-z0-9]+", "_", words).strip("_")
    return f"{(digits and digits[1]) or number}_{words or 'name'}.sql"


def _names(reading: _Reading, part: str) -> dict[str, int]:
    """A folder's files that are named like migrations, with their numbers; complains of the rest."""
    where = f"{reading.root}/{part}" if part else reading.root
    found: dict[str, int] = {}
    if any(problem.path == part for problem in reading.problems):
        return found  # a link that leads out
    try:
        with os.scandir(where) as listing:
            for entry in listing:
                shown = f"{part}/{entry.name}" if part else entry.name
                if entry.is_symlink() and not _link_is_fine(reading, shown):
                    continue
                match = NAME.fullmatch(entry.name)
                if match is None:
                    _complain_of_name(reading, shown, entry)
                elif int(match[1][:30]) > LARGEST:
                    remedy = "number it like the others: 0001, or a timestamp"
                    reading.say(shown, "name", "a number of more than 64 bits", remedy)
                else:
                    found[entry.name] = int(match[1])
    except FileNotFoundError as error:
        if part and not os.path.lexists(where):
            return {}
        raise _unreadable(where, error) from error
    except OSError as error:
        raise _unreadable(where, error) from error
    return found


def _unreadable(where: str, error: OSError) -> UsageError:
    return UsageError(
        f"{where}: the folder of migrations can't be read: {error.strerror}",
        hint="name a folder with NNNN_name.sql files; `rfdata init` makes migrations/",
    )


def _link_is_fine(reading: _Reading, shown: str) -> bool:
    """Only links to what lies in the folder itself: whoever reviews it sees what will be run."""
    if not (shown.lower().endswith(".sql") or shown in (ROLLBACK, VERIFY)):
        return True
    real, root = os.path.realpath(f"{reading.root}/{shown}"), os.path.realpath(reading.root)
    if not os.path.exists(real):  # noqa: PTH110 # a str, as everywhere here
        reading.say(shown, "symlink", "a symbolic link to nothing", "put the file itself here")
        return False
    if os.path.commonpath((real, root)) != root:
        message = f"a symbolic link that leads out of the folder, to {real}"
        reading.say(shown, "symlink", message, "put the file itself here")
        return False
    return True


def _complain_of_name(reading: _Reading, shown: str, entry: os.DirEntry[str]) -> None:
    """What is not ours passes (README.md, hidden files), unless it was meant to be."""
    name = entry.name
    if name.startswith("."):
        return
    if name.lower().endswith(".sql"):
        remedy = f"name it like {better_name(name)} (digits, underscore, a-z 0-9 _)"
        reading.say(shown, "name", "not named NNNN_name.sql, so it would never be run", remedy)
    elif "/" not in shown and name not in (ROLLBACK, VERIFY) and entry.is_dir():
        for near in get_close_matches(name.lower(), (ROLLBACK, VERIFY), 1, 0.75):
            message = f"a folder that nothing is read from; {near}/ would be"
            reading.say(shown, "name", message, f"rename it to {near}")


def _orphans(
    reading: _Reading, part: str, beside: Mapping[str, int], mains: Mapping[str, int]
) -> None:
    for name in beside:
        if name not in mains:
            number = beside[name]
            near = [main for main in mains if mains[main] == number]
            near = near or get_close_matches(name, mains, 1, 0.8)
            remedy = f"rename it to {near[0]}" if near else "remove it, or add its migration"
            reading.say(f"{part}/{name}", "orphan", f"there is no migration {name}", remedy)


def _order(reading: _Reading, mains: Mapping[str, int]) -> None:
    """Each number once, all of one width: then the order of names is the order of numbers."""
    by_number: dict[int, list[str]] = defaultdict(list)
    for name, number in mains.items():
        by_number[number].append(name)
    free = max(by_number, default=0) + 1
    widths = Counter(name.index("_") for name in mains)
    width = max(widths, key=lambda each: (widths[each], each), default=0)
    for number, names in by_number.items():
        for name in sorted(names):
            others = [other for other in sorted(names) if other != name]
            if others:
                remedy = f"renumber one of them, for example {free:0{width}}"
                message = f"number {number} is also that of {', '.join(others)}"
                reading.say(name, "duplicate-number", message, remedy)
            if name.index("_") != width:
                message = f"{name.index('_')} digits where the others have {width}"
                remedy = f"rename it to {number:0{width}}{name[name.index('_') :]}"
                if len(str(number)) > width:
                    remedy = f"number all with {name.index('_')} digits"
                reading.say(name, "mixed-width", message, remedy)


def _migration(
    reading: _Reading,
    name: str,
    number: int,
    rollbacks: Mapping[str, int],
    verifies: Mapping[str, int],
) -> Migration | None:
    script, asked = _script(reading, name)
    rollback, rollback_asked = (
        _script(reading, f"{ROLLBACK}/{name}") if name in rollbacks else _NOTHING
    )
    verify, verify_asked = _script(reading, f"{VERIFY}/{name}") if name in verifies else _NOTHING
    if verify_asked != directives.NONE:
        message = "a verify file takes no directives"
        remedy = "remove them: it only reads, in a transaction of its own"
        reading.say(f"{VERIFY}/{name}", "directive", message, remedy)
    if script is None:
        return None
    return Migration(number, name[:-4], script, asked, rollback, rollback_asked, verify)


_NOTHING: tuple[Script | None, Directives] = (None, directives.NONE)


def _script(reading: _Reading, shown: str) -> tuple[Script | None, Directives]:
    try:
        script = read_script(f"{reading.root}/{shown}")
    except Unfit as error:
        place = (error.line, error.column)
        reading.problems.append(
            Problem(shown, *place, error.rule, error.message, error.hint, "error")
        )
        return _NOTHING
    asked, problems = directives.parse(script.text, shown)
    reading.problems += problems
    return script, asked
