"""What went wrong in a file: where, which statement, what the server said, and how the database is now."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rfdata.migrations.lexer import Statement, position, statements
from rfdata.migrations.message import Answer
from rfdata.migrations.migration import Script
from rfdata.postgres.client import explained

if TYPE_CHECKING:
    from psycopg import Error

SHOWN = 300
"""Characters of a statement that are shown."""

_SYNTAX_ERROR = "42601"
_INLINE = re.compile(r"\binline_code_block line (\d+)\b")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a script that was sent in one message."""

    script: Script
    start: int
    """Where it begins in the script, in characters."""
    text: str
    before: str = ""
    """What came before it in the message."""
    leading: int = 0
    """How many statements that was."""
    known: tuple[Statement, ...] = ()
    """Its statements; divided only when they are asked for, where none are given."""

    def statements(self) -> Sequence[Statement]:
        if self.known:
            return self.known
        end = self.start + len(self.text)
        return [each for each in statements(self.script.text) if self.start <= each.start < end]


@dataclass(frozen=True, slots=True)
class Tried:
    """How one attempt at a script went."""

    answer: Answer
    """To the last message."""
    piece: Piece
    """What that message was about."""
    untrue: str = ""
    """What its verify file says is not so."""
    certain: bool = False
    """Nothing of it can have been committed, even if the connection ended."""
    prepared: bool = False

    @property
    def failed(self) -> bool:
        return self.answer.error is not None or bool(self.untrue)


def told(piece: Piece, answer: Answer) -> str:
    """Place, message, statement, and what else the server says of it, in several lines."""
    error = answer.error
    if error is None:
        return f"{piece.script.path}: the server said nothing"
    diag, code = error.diag, f" ({error.sqlstate})" if error.sqlstate else ""
    lines = [f"{_place(piece, answer, error)}: {explained(error)}{code}"]
    if found := _where(piece, answer, error):
        lines.append(_indented(_excerpt(*found)))
    more = (("detail", diag.message_detail), ("the server's hint", diag.message_hint))
    lines += [f"{name}: {text}" for name, text in more if text]
    if diag.internal_query:
        lines.append(f"inside: {_cut(diag.internal_query)}")
    if diag.context:
        lines.append(f"context: {_cut(diag.context)}")
    return "\n".join(lines)


def _place(piece: Piece, answer: Answer, error: Error) -> str:
    found = _where(piece, answer, error)
    if found is not None:
        line, column = position(piece.script.text, found[1])
        return f"{piece.script.path}:{line}:{column}"
    when = "before its first" if answer.done < piece.leading else "after its last"
    return f"{piece.script.path}, {when} statement"


def _where(piece: Piece, answer: Answer, error: Error) -> tuple[Statement, int] | None:
    """The statement that failed and the offset to point at; None where it was none of the file's."""
    found, at = piece.statements(), _offset(piece, error)
    if not found:
        return None
    if at is not None:
        return found[max(0, bisect_right([each.start for each in found], at) - 1)], at
    index = answer.done - piece.leading
    if not 0 <= index < len(found):
        return None
    return found[index], _inner_offset(found[index], error)


def _offset(piece: Piece, error: Error) -> int | None:
    """Where the server points to: it counts the characters of the whole message, from 1.

    A statement that lacks its end is noticed only at what follows it.
    """
    at = int(error.diag.statement_position or 0) - 1 - len(piece.before)
    last = max(len(piece.text.rstrip()) - 1, 0)
    if at > last and error.sqlstate == _SYNTAX_ERROR:
        return piece.start + last
    return piece.start + at if 0 <= at <= last else None


def _inner_offset(statement: Statement, error: Error) -> int:
    """Inside a DO block, the server tells the line of its body, and the query that failed there."""
    frames = _INLINE.findall(error.diag.context or "")
    body = re.search(r"\$(\w*)\$", statement.text)
    if not frames or not body:
        return statement.start
    offset = statement.start + body.end()
    for _ in range(int(frames[-1]) - 1):
        offset = statement.script.find("\n", offset) + 1
    line = statement.script[offset:].partition("\n")[0]
    offset += len(line) - len(line.lstrip())
    inner, at = error.diag.internal_query, error.diag.internal_position
    if inner and at:
        # from the place on: PL/pgSQL puts a SELECT where PERFORM stands
        found = statement.script.find(inner[int(at) - 1 :], offset, statement.end)
        return found if found >= 0 else offset
    return offset


def _excerpt(statement: Statement, offset: int) -> str:
    """The statement, or what of it is around the offset."""
    if statement.end - statement.start <= SHOWN:
        return statement.text
    start = max(statement.start, min(offset - SHOWN // 2, statement.end - SHOWN))
    end = min(start + SHOWN, statement.end)
    before = "… " if start > statement.start else ""
    return f"{before}{statement.script[start:end]}{' …' if end < statement.end else ''}"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} …"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
