"""The three files of a new migration, to be filled in: as they are, no lint lets them through."""

from __future__ import annotations

import re
from pathlib import Path

from rfdata import files
from rfdata.errors import UsageError
from rfdata.migrations.folder import ROLLBACK, VERIFY, read_folder

_NAME = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*", re.ASCII)
_LONGEST = 100
"""Characters of a name: with its number and .sql, file systems take it."""

_MAIN = """\
-- {title}.
--
-- Why:
--
-- Plain SQL, every name with its schema. The whole file is one transaction: no BEGIN, no COMMIT.
-- What can't run in one (CREATE INDEX CONCURRENTLY) gets a file of its own that begins with
-- `rfdata: no-transaction` as a comment. Grant to groups (rf_*), never to logins.
"""
_ROLLBACK = """\
-- Takes back {name}: the database is then as it was before, but for rows that were lost.
--
-- In the reverse order of what the migration made.
"""
_VERIFY = """\
-- Proves {name}: each SELECT returns one row with one boolean column, which must be true. For example:
--
--   SELECT count(*) = 4 AS four_roles_are_there FROM identity.roles;
--
-- Remove this file where there is nothing to prove.
"""


def new(folder: Path, name: str) -> tuple[Path, ...]:
    """Write NNNN_name.sql, and the same in rollback/ and verify/, with the next number.

    Raises UsageError for a name that is not words joined by _, and where the folder's numbers are
    in disorder: then nobody can say which is next.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise UsageError(
            f"{name!r} can't be a migration's name: words of a-z and 0-9, joined by _, "
            f"at most {_LONGEST} characters",
            hint=f"take {nearest(name)}",
        )
    stem = f"{_next_number(folder)}_{name}"
    texts = {
        folder / f"{stem}.sql": _MAIN.format(title=name.replace("_", " ").capitalize()),
        folder / ROLLBACK / f"{stem}.sql": _ROLLBACK.format(name=stem),
        folder / VERIFY / f"{stem}.sql": _VERIFY.format(name=stem),
    }
    for path in texts:
        if path.exists():
            raise UsageError(f"{path} is there already", hint="remove it, or take another name")
    for path, text in texts.items():
        if not path.parent.is_dir():
            files.make_directory(path.parent)
        files.write(path, text)
    return tuple(texts)


def nearest(name: str) -> str:
    """The good name that is nearest to a bad one.

    >>> nearest("Add ORCID-iD to users.sql")
    'add_orcid_id_to_users'
    """
    stem = name[:-4] if name.lower().endswith(".sql") else name
    stem = re.sub(r"([a-z0-9]{2})([A-Z])", r"\1_\2", stem).lower()
    words = re.sub(r"[^a-z0-9]+", "_", stem)[:_LONGEST].strip("_")
    return words or "add_something"


def _next_number(folder: Path) -> str:
    found = read_folder(folder)
    disorder = [p for p in found.problems if p.rule in ("duplicate-number", "mixed-width", "name")]
    if disorder:
        first = disorder[0]
        raise UsageError(
            f"{folder}: which number comes next is not clear: {first.place}: {first.message}",
            hint=first.remedy,
        )
    if not found.migrations:
        return "0001"
    last = found.migrations[-1]
    width = last.name.index("_")
    following = f"{last.number + 1:0{width}}"
    if len(following) > width:
        raise UsageError(
            f"{folder}: no number after {last.name} fits its width",
            hint=f"rename all to {width + 1} digits before any is applied, or begin a new folder",
        )
    return following
