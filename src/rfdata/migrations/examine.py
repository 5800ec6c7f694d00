"""What the text of a migration does wrong, whatever database it is meant for."""

from __future__ import annotations

from collections.abc import Iterator

from rfdata.migrations import lexer
from rfdata.migrations.directives import KNOWN, LEADING, said
from rfdata.migrations.doubtful import doubtful
from rfdata.migrations.finding import Finding, Part, Seen, look, outside
from rfdata.migrations.lexer import SqlError
from rfdata.migrations.migration import Directives, Migration
from rfdata.migrations.psql import commands, variables, without_commands
from rfdata.migrations.refused import refused
from rfdata.model.migrations import Problem


def examine(migration: Migration) -> tuple[Problem, ...]:
    """Of all its scripts, in their order; nothing is waived here."""
    name = f"{migration.name}.sql"
    found = examine_script(migration.script.text, name, "main", migration.directives)
    if migration.rollback:
        found += examine_script(
            migration.rollback.text, f"rollback/{name}", "rollback", migration.rollback_directives
        )
    if migration.verify:
        found += examine_script(migration.verify.text, f"verify/{name}", "verify", Directives())
    return found


def examine_script(text: str, path: str, part: Part, directives: Directives) -> tuple[Problem, ...]:
    """The same of one text; `path` is what its problems are said of."""
    problems, line, line_start, at = [], 1, 0, 0
    for found in sorted(_findings(text, part, directives.transaction)):
        line += text.count("\n", at, found.offset)
        line_start = max(line_start, text.rfind("\n", at, found.offset) + 1)
        at = found.offset
        place = (line, at - line_start + 1) if found.rule != "empty" else (0, 0)
        problems.append(
            Problem(path, *place, found.rule, found.message, found.remedy, found.severity)
        )
    return tuple(problems)


def _findings(text: str, part: Part, transactional: bool) -> Iterator[Finding]:
    sql = without_commands(text)
    seen: list[Seen] = []
    end, colons, here = len(text), ":" in text, None
    try:
        for statement in lexer.scan(sql):
            here = look(statement)
            if colons:
                yield from variables(statement)
            if not here.plain or not transactional or part == "verify":
                seen.append(here)
            if _copies(here):
                end = statement.end  # what follows is data
                yield _COPY._replace(offset=statement.start)
                break
        if here is None and sql == text:
            yield _EMPTY[part]
    except SqlError as error:
        end = error.offset
        yield Finding(error.offset, "unterminated", error.message, error.hint)
    yield from (command for command in commands(text) if command.offset < end)
    for each in seen:
        yield from refused(each, part, transactional)
    if part != "verify":
        yield from doubtful(seen, part, transactional)
    yield from _misplaced(text, end)


_COPY = Finding(
    0,
    "copy-stdin",
    "COPY reads from or writes to psql here; what follows it has not been examined",
    "write INSERT … VALUES, or load data from outside of migrations",
)
_EMPTY: dict[Part, Finding] = {
    "main": Finding(0, "empty", "no statement in it", "write the migration, or remove its files"),
    "rollback": Finding(
        0,
        "empty",
        "no statement in it: nothing would be taken back",
        "write what takes the migration back, or remove the file",
    ),
    "verify": Finding(
        0,
        "empty",
        "no statement in it: nothing would be proved",
        "write a SELECT that returns one row with one boolean column, or remove the file",
    ),
}


def _copies(seen: Seen) -> bool:
    """COPY with the client's own streams, which only psql serves."""
    if seen.words[0] != "COPY":
        return False
    words = [token.word for token in outside(seen.statement.tokens)]
    return any(pair in words for pair in ("STDIN", "STDOUT"))


def _misplaced(text: str, end: int) -> Iterator[Finding]:
    """A directive below the first statement would be taken for a comment, by us too."""
    leading = LEADING.match(text)
    start = leading.end() if leading else 0
    if text.find("rfdata", start) < 0:
        return
    try:
        for offset, _, name, _ in said(text[:end], start):
            if name in KNOWN:
                yield Finding(
                    offset,
                    "directive",
                    f"{name} stands below the first statement, where no directive is read",
                    "move it to the top of the file",
                )
    except SqlError:
        return  # said already
