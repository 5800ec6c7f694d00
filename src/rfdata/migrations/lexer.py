"""PostgreSQL's lexical rules: where a script's statements begin and end, and what they consist of.

After the server's own scanner (src/backend/parser/scan.l, PostgreSQL 16) with
standard_conforming_strings on. One regular expression runs over all that can't end a statement, so
that a file of 50 MB takes about a second; tokens are made only for the statements that are asked.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from rfdata.errors import UsageError

_SPACE = r" \t\n\r\f\v"
_LETTER = r"A-Za-z_\u0080-\U0010ffff"
_WORD = rf"(?![eE]')[{_LETTER}][{_LETTER}0-9$]*+"
_LINE_COMMENT = r"--[^\n\r]*+"
_COMMENT = r"/\*(?:[^*/]++|\*(?!/)|/(?!\*)|(?!))*+\*/"
"""One without another inside."""
_CONTINUED = rf"(?:[ \t\f\v]|{_LINE_COMMENT})*+[\n\r](?:[{_SPACE}]++|{_LINE_COMMENT}[\n\r]|(?!))*+'"
"""Between the parts of a string that goes on after a line end: in the same way as it began."""
_ESCAPED = r"(?:[^'\\]++|\\.|'')*+'"
_ESCAPE_STRING = rf"[eE]'{_ESCAPED}(?:{_CONTINUED}{_ESCAPED}|(?!))*+(?!{_CONTINUED})"
_PLAIN = r"(?:[^']++|'')*+'"
_STRING = rf"'{_PLAIN}(?:{_CONTINUED}{_PLAIN}|(?!))*+(?!{_CONTINUED})"
_NAME = r'"(?:[^"]++|"")*+"'

# Each repeat's last alternative, (?!), fails where it stands: a Python before 3.11.5 ends a
# possessive repeat wherever its last try had got to.
_RUN = re.compile(
    rf"""(?:[^'"$;/\-{_LETTER}]++|{_ESCAPE_STRING}|{_WORD}|{_STRING}|{_NAME}|-(?!-)|{_LINE_COMMENT}"""
    rf"|/(?!\*)|{_COMMENT}|\$[0-9]++|(?!))*+",
    re.DOTALL,
)
_RUNS = {
    mark: re.compile(_RUN.pattern.replace("""'"$;""", rf"""'"$;{re.escape(mark)}""", 1), re.DOTALL)
    for mark in "\\:"
}
"""The same, but each stops at one character more."""
_GAP = re.compile(rf"(?:[{_SPACE};]++|{_LINE_COMMENT}|{_COMMENT}|(?!))*+")
_SPACES = re.compile(rf"[{_SPACE}]*+")
_TOKEN = re.compile(
    rf"""[{_SPACE}]*+ (?:
      (?P<comment> {_LINE_COMMENT} | {_COMMENT} )
    | (?P<string>  {_ESCAPE_STRING} | (?:[bBxXnN]|[uU]&)?{_STRING} )
    | (?P<quoted>  (?:[uU]&)?{_NAME} )
    | (?P<word>    {_WORD} )
    | (?P<number>  [0-9][0-9_]*+(?:\.[0-9_]*+)?+(?:[eE][+\-]?+[0-9]++)?+ | \.[0-9]++ )
    | (?P<parameter> \$[0-9]++ )
    | (?P<operator> (?:[~!@\#^&|`?+*%<>=]|-(?!-)|/(?!\*)|(?!))++ | ::?+=?+ )
    | (?P<other>   (?![eE]')[^'"$/{_SPACE}] )
    )""",
    re.DOTALL | re.VERBOSE,
)
_DOLLAR = re.compile(rf"\$(?:[{_LETTER}][{_LETTER}0-9]*+)?+\$")
_PREFIX = re.compile(rf"(?<![{_LETTER}0-9$])(?:[uU]&|[bBxX])\Z")
_NESTED = re.compile(r"/\*|\*/")
_UNICODE = re.compile(r"\\(?:(\\)|\+([0-9A-Fa-f]{6})|([0-9A-Fa-f]{4}))")
_BETWEEN = rf"(?:[{_SPACE}]++|{_LINE_COMMENT}|{_COMMENT}|(?!))++"
_COMPOUND = re.compile(
    rf"create{_BETWEEN}(?:or{_BETWEEN})?(?:replace{_BETWEEN})?(?:function|procedure|rule|/\*)",
    re.IGNORECASE | re.DOTALL,
)
"""What may hold semicolons of its own (a comment with another inside may hide that it does)."""


class SqlError(UsageError):
    """The text ends inside a quote or a comment; `offset` is where that began."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message, hint="close it where it was meant to end")
        self.offset = offset


class Token(NamedTuple):
    kind: str
    """word, quoted (a name in double quotes), string, number, parameter, operator or other."""
    text: str
    start: int
    """Offset in the script, in characters."""

    @property
    def word(self) -> str:
        """A key word or a name as it may stand for one, in capitals; empty for anything else."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """The identifier as the catalogue has it; empty for what is none.

        >>> [token.name for token in tokens('My "My Own" 7')]
        ['my', 'My Own', '']
        """
        if self.kind == "word":
            return (
                self.text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
            )
        if self.kind != "quoted":
            return ""
        inner = self.text[self.text.index('"') + 1 : -1].replace('""', '"')
        return _UNICODE.sub(_character, inner) if self.text[0] in "uU" else inner


class Statement(NamedTuple):
    """From its first token up to its semicolon, or to the end of the script."""

    script: str
    start: int
    """Offset of the first character in the script."""
    end: int
    """Offset of the semicolon, or of the script's end without trailing spaces."""
    line: int
    """From 1."""
    column: int
    """From 1, in characters."""

    @property
    def text(self) -> str:
        return self.script[self.start : self.end]

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Its tokens without spaces and comments; made anew each time (see `head` for a few)."""
        return tuple(tokens(self.script, self.start, self.end))

    def head(self, count: int) -> tuple[Token, ...]:
        """The first tokens: what a statement is about, also where it is 50 MB of VALUES."""
        return tuple(islice(tokens(self.script, self.start, self.end), count))


def statements(sql: str) -> tuple[Statement, ...]:
    """The statements of a script, as the server divides it; empty ones are left out.

    Raises SqlError where a quote or a comment is not closed.

    >>> [statement.text for statement in statements("SELECT ';'; -- no; more\\n CREATE TABLE t ()")]
    ["SELECT ';'", 'CREATE TABLE t ()']
    """
    return tuple(scan(sql))


def scan(sql: str) -> Iterator[Statement]:
    """The same one after the other: what lies before an SqlError can be looked at."""
    line, line_start, counted = 1, 0, 0
    start = _past_gap(sql, 0)
    while start < len(sql):
        line += sql.count("\n", counted, start)
        line_start = max(line_start, sql.rfind("\n", counted, start) + 1)
        counted = start
        end = _end(sql, start)
        shown = end if end < len(sql) else start + len(sql[start:].rstrip(" \t\n\r\f\v"))
        yield Statement(sql, start, shown, line, start - line_start + 1)
        start = _past_gap(sql, end)


def bare(sql: str, mark: str, start: int = 0, end: int | None = None) -> int:
    """The offset of the next such character outside quotes and comments; -1 where there is none.

    Raises SqlError like `statements`.
    """
    end = len(sql) if end is None else end
    if sql.find(mark, start, end) < 0:
        return -1
    while start < end:
        start = _past(_RUNS[mark], sql, start, end)
        if start >= end:
            return -1
        if sql[start] == mark:
            return start
        start = start + 1 if sql[start] == ";" else _past_quote(sql, start)
    return -1


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1; a column counts characters.

    >>> position("ä\\nöü;", 4)
    (2, 3)
    """
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def tokens(sql: str, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """Everything but spaces and comments, one by one. Raises SqlError like `statements`."""
    return _pieces(sql, start, len(sql) if end is None else end, comments=False)


def comments(sql: str, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """The comments one by one, each with its marks. Raises SqlError like `statements`."""
    return _pieces(sql, start, len(sql) if end is None else end, comments=True)


def _pieces(sql: str, start: int, end: int, *, comments: bool) -> Iterator[Token]:
    while start < end:
        match = _TOKEN.match(sql, start)
        if match is not None:
            kind = match.lastgroup or ""
            start, stop = match.span(kind)
        else:
            start = _past(_SPACES, sql, start)
            if start >= end:
                return
            stop = _past_quote(sql, start)
            kind = "comment" if sql[start] == "/" else "string"
            if stop == start + 1:  # a dollar sign by itself
                kind = "other"
        if (kind == "comment") is comments and start < end:
            yield Token(kind, sql[start:stop], start)
        start = stop


def _end(sql: str, start: int) -> int:
    """Where the statement that starts here ends: at its semicolon, or with the script."""
    if sql[start] in "cC" and _COMPOUND.match(sql, start):
        return _compound_end(sql, start)
    here = start
    while True:
        here = _past(_RUN, sql, here)
        if here == len(sql) or sql[here] == ";":
            return here
        here = _past_quote(sql, here)


def _compound_end(sql: str, start: int) -> int:
    """The semicolon behind a function's BEGIN ATOMIC … END, or behind a rule's parentheses.

    A word after AS or a dot is a name: `SELECT 1 AS end` closes nothing.
    """
    blocks, parentheses, previous = 0, 0, ""
    for token in tokens(sql, start):
        word = token.word or token.text[:2]
        if word == ";" and not blocks and not parentheses:
            return token.start
        if word in "()":
            parentheses = max(0, parentheses + (1 if word == "(" else -1))
        elif word == "ATOMIC" and previous == "BEGIN" and not parentheses:
            blocks += 1
        elif blocks and previous not in ("AS", ".") and word in ("CASE", "END"):
            blocks += 1 if word == "CASE" else -1
        previous = word
    return len(sql)


def _past(pattern: re.Pattern[str], sql: str, start: int, end: int = sys.maxsize) -> int:
    match = pattern.match(sql, start, end)
    return match.end() if match else start


def _past_gap(sql: str, start: int) -> int:
    """Past spaces, comments and semicolons that end nothing."""
    while True:
        start = _past(_GAP, sql, start)
        if not sql.startswith("/*", start):
            return start
        start = _past_quote(sql, start)


def _past_quote(sql: str, start: int) -> int:
    """Past what the run stops at: a dollar quote, a nested comment, or a quote that never ends."""
    mark = sql[start]
    if mark == "$":
        tag = _DOLLAR.match(sql, start)
        if tag is None:
            return start + 1
        end = sql.find(tag[0], tag.end())
        if end < 0:
            raise SqlError(f"the dollar-quoted string {tag[0]} is not closed", start)
        return end + len(tag[0])
    if mark == "/":
        return _past_comment(sql, start)
    prefix = _PREFIX.search(sql, max(0, start - 3), start)
    begin = prefix.start() if prefix and mark in "'\"" else start
    what = "name" if mark == '"' else "string"
    raise SqlError(f"the quoted {what} is not closed", begin)


def _past_comment(sql: str, start: int) -> int:
    depth = 0
    for match in _NESTED.finditer(sql, start):
        depth += 1 if match[0] == "/*" else -1
        if not depth:
            return match.end()
    raise SqlError("the comment /* is not closed", start)


def _character(match: re.Match[str]) -> str:
    return "\\" if match[1] else chr(int(match[2] or match[3], 16))
