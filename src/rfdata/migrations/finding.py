"""What one look at a statement has found, before it becomes a problem of its file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from rfdata.migrations.lexer import Statement, Token

Part = Literal["main", "rollback", "verify"]
"""Which of a migration's scripts: what is right in one may be wrong in another."""


NEVER_WAIVED = frozenset(
    {"unterminated", "empty", "directive", "transaction-control", "copy-stdin", "psql-command"}
)
"""Rules of this kind say that a file can't be run, whatever anybody thinks of it."""


class Finding(NamedTuple):
    offset: int
    """Where in the script, in characters."""
    rule: str
    message: str
    remedy: str
    severity: Literal["error", "warning"] = "error"


class Seen(NamedTuple):
    """A statement with the few first words that say what it does."""

    statement: Statement
    words: tuple[str, ...]
    """Of its first tokens, in capitals; "" for what is no word. Of a plain one, the first only."""

    @property
    def start(self) -> int:
        return self.statement.start

    @property
    def plain(self) -> bool:
        """Of a kind that main and rollback scripts may always hold."""
        return self.words[0] in _PLAIN

    def begins(self, *words: str) -> bool:
        return self.words[: len(words)] == words


HEAD = 8
"""Tokens: CREATE OR REPLACE TEMPORARY … and a name."""


_FIRST = re.compile(r"[A-Za-z]++")
_PLAIN = frozenset({"INSERT", "UPDATE", "MERGE", "COMMENT", "VALUES"})
"""No rule for main and rollback scripts asks for more than their first word."""


def look(statement: Statement) -> Seen:
    first = _FIRST.match(statement.script, statement.start, statement.end)
    verb = first[0].upper() if first else ""
    if verb in _PLAIN:
        return Seen(statement, (verb,))
    return Seen(statement, tuple(token.word for token in statement.head(HEAD)))


def actions(tokens: Sequence[Token]) -> list[list[Token]]:
    """Divided at the commas that lie outside of parentheses."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.text in ("(", "["):
            depth += 1
        elif token.text in (")", "]"):
            depth -= 1
        elif token.text == "," and not depth:
            parts.append([])
            continue
        parts[-1].append(token)
    return parts


def outside(tokens: Sequence[Token]) -> list[Token]:
    """Without what lies in parentheses; an opening one stays, to show that something was there."""
    depth, kept = 0, []
    for token in tokens:
        if token.text == ")":
            depth -= 1
        elif not depth:
            kept.append(token)
        if token.text == "(":
            depth += 1
    return kept


def named(tokens: Sequence[Token], start: int) -> tuple[str, int]:
    """A name, qualified or not, and where it ends: ("schema.table", index); ("", start): none."""
    parts, here = [], start
    while here < len(tokens) and tokens[here].name:
        parts.append(tokens[here].name)
        here += 1
        if here >= len(tokens) or tokens[here].text != ".":
            break
        here += 1
    return ".".join(parts), here
