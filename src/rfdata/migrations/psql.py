"""What only psql understands: its backslash commands and its variables. A server gets neither."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rfdata.migrations.finding import Finding
from rfdata.migrations.lexer import SqlError, Statement, bare, tokens

_COMMAND = re.compile(r"\\([^\s\\;]*)[^\n]*")
_VARIABLE = re.compile(r""":(?:'[^'\n]*'|"[^"\n]*"|\{\?\w+\}|[A-Za-z_\u0080-\U0010ffff]\w*)""")
_ENOUGH = 20
"""So many colons of one statement are looked at, each with all that stands before it."""
_KEYED = frozenset({"JSON_OBJECT", "JSON_OBJECTAGG"})
"""Here a colon stands between a key and its value."""

_REMEDIES = {
    "i": "put its SQL here, or make it a migration of its own",
    "ir": "put its SQL here, or make it a migration of its own",
    "include": "put its SQL here, or make it a migration of its own",
    "copy": "write INSERT … VALUES, or load data from outside of migrations",
    ".": "write INSERT … VALUES, or load data from outside of migrations",
    "gexec": "write a DO block that runs EXECUTE",
    "gset": "use a DO block with a variable of its own",
    "set": "write the value where it is used",
    "c": "remove it: migrations run in one database",
    "connect": "remove it: migrations run in one database",
    "echo": "write it as a comment",
    "if": "use a DO block",
}
_OTHERWISE = "remove it: the file goes to the server as it is"


def commands(text: str) -> Iterator[Finding]:
    """Every line with a backslash outside of quotes and comments, up to where quotes go wrong."""
    for offset, command in _commands(text):
        name = command[1].strip("'\"")
        yield Finding(
            offset,
            "psql-command",
            f"\\{name} is a command of psql, not SQL" if name else "a backslash outside of quotes",
            _REMEDIES.get(name, _OTHERWISE),
        )


def without_commands(text: str) -> str:
    """The same length, with blanks instead of commands, so that what follows can be examined.

    \\g, \\gexec and their like end a statement, as their place in the text shows.
    """
    parts, at = [], 0
    for offset, command in _commands(text):
        ends = ";" if command[1].startswith(("g", "watch", "crosstabview", ";")) else " "
        parts += [text[at:offset], ends, " " * (len(command[0]) - 1)]
        at = command.end()
    return "".join(parts) + text[at:] if parts else text


def variables(statement: Statement) -> Iterator[Finding]:
    """:name, :'name', :"name" and :{?name}, where no cast, slice or key is meant."""
    sql, here, looked_at = statement.script, statement.start, 0
    while looked_at < _ENOUGH and (here := bare(sql, ":", here, statement.end)) >= 0:
        match = _VARIABLE.match(sql, here, statement.end)
        if sql.startswith("::", here):
            here += 2
            continue
        if match is None:
            here += 1
            continue
        looked_at += 1
        if not _in_brackets(statement, here):
            yield Finding(
                here,
                "psql-variable",
                f"{match[0]} is a variable of psql, which only psql replaces",
                "write the value itself; current_setting('app.name') reads one at run time",
            )
        here = match.end()


def _commands(text: str) -> Iterator[tuple[int, re.Match[str]]]:
    here = 0
    while True:
        try:
            here = bare(text, "\\", here)
        except SqlError:
            return  # `examine` says so
        match = _COMMAND.match(text, here) if here >= 0 else None
        if match is None:
            return
        yield here, match
        here = match.end()


def _in_brackets(statement: Statement, offset: int) -> bool:
    """Within a[…:…] or json_object(…: …)."""
    opened: list[str] = []
    previous = ""
    for token in tokens(statement.script, statement.start, offset):
        if token.text in ("[", "("):
            opened.append("[" if token.text == "[" else previous)
        elif token.text in ("]", ")") and opened:
            opened.pop()
        previous = token.word
    return bool(opened) and (opened[-1] == "[" or opened[-1] in _KEYED)
