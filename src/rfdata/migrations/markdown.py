"""Names and comments from a database in GitHub-flavoured Markdown: shown as they are, never obeyed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

UNITS = ("bytes", "kB", "MB", "GB", "TB")


def plain(text: str) -> str:
    """Text on one line, without any meaning to Markdown.

    >>> plain("a *b* | <c>")
    'a \\\\*b\\\\* \\\\| &lt;c>'
    """
    line = " ".join(_visible(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*\[\]|~#]|(?<!\w)_|_(?!\w))", r"\\\1", line)


def code(text: str) -> str:
    """A code span, also in a table.

    >>> code("a`b"), code("a || b")
    ('`` a`b ``', '`a \\\\|\\\\| b`')
    """
    line = " ".join(_visible(text).split()).replace("|", r"\|") or " "
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {line} {fence}" if longest else f"{fence}{line}{fence}"


def link(text: str, target: str) -> str:
    return f"[{plain(text)}]({target})"


def block(sql: str) -> str:
    """SQL on lines of its own."""
    longest = max((len(run) for run in re.findall("`+", sql)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sql\n{sql.strip()}\n{fence}"


def table_of(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Nothing when there are no rows."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    if not body:
        return ""
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *body])


def anchor(heading: str, taken: dict[str, int]) -> str:
    """The fragment that GitHub gives a heading; the second of the same name gets a number.

    >>> taken = {}
    >>> anchor("Run moves!", taken), anchor("run moves", taken)
    ('run-moves', 'run-moves-1')
    """
    slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    number = taken.get(slug, 0)
    taken[slug] = number + 1
    return f"{slug}-{number}" if number else slug


def count(number: int, noun: str) -> str:
    """
    >>> count(1, "index"), count(2, "policy"), count(0, "key")
    ('1 index', '2 policies', '0 keys')
    """
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}{'es' if noun.endswith('x') else 's'}"


def size(number: int) -> str:
    """
    >>> size(0), size(8192), size(3 * 1024**3)
    ('0 bytes', '8 kB', '3 GB')
    """
    power = min(len(UNITS) - 1, (max(number, 1).bit_length() - 1) // 10)
    return f"{number / 1024**power:.3g} {UNITS[power]}"


def _visible(text: str) -> str:
    return "".join(each if each.isprintable() or each.isspace() else "\ufffd" for each in text)
