"""What a file asks for in its leading comments: `-- rfdata: no-transaction` and the like.

Only there, so that whoever opens the file sees it first, and nothing in a string can be taken for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches

from rfdata.config.quantities import parse_duration
from rfdata.migrations import lexer
from rfdata.migrations.migration import Directives
from rfdata.model.migrations import Problem

KNOWN = ("no-transaction", "lock-timeout", "statement-timeout", "waive")
FORMS = {
    "no-transaction": "-- rfdata: no-transaction",
    "lock-timeout": "-- rfdata: lock-timeout 5s",
    "statement-timeout": "-- rfdata: statement-timeout 10min",
    "waive": "-- rfdata: waive RULE: why it is right here",
}
NONE = Directives()

LEADING = re.compile(
    r"(?:[ \t\n\r\f\v]++|--[^\n\r]*+|/\*(?:[^*/]++|\*(?!/)|/(?!\*)|(?!))*+\*/|(?!))*+"
)
"""All that comes before the first statement."""
_DIRECTIVE = re.compile(r"--[ \t]*rfdata[ \t]*(:?)(.*)", re.IGNORECASE)
_WAIVER = re.compile(r"([a-z0-9][a-z0-9/_-]*)[ \t]*:(.*)")


@dataclass
class _Found:
    """What has been read of one file so far."""

    path: str
    problems: list[Problem] = field(default_factory=list)
    transaction: bool = True
    timeouts: dict[str, float] = field(default_factory=dict)
    waived: dict[str, str] = field(default_factory=dict)


def parse(text: str, path: str) -> tuple[Directives, tuple[Problem, ...]]:
    """The directives of a file, and what is wrong with them.

    >>> parse("-- rfdata: no-transaction\\nCREATE …", "0001_a.sql")[0].transaction
    False
    """
    leading = LEADING.match(text)
    if leading is None or "rfdata" not in (comments := leading[0]).lower():
        return NONE, ()
    found = _Found(path)
    for offset, colon, name, value in said(comments):
        if trouble := _take(found, name, value, colon):
            place = lexer.position(text, offset)
            found.problems.append(Problem(path, *place, "directive", *trouble, "error"))
    directives = Directives(
        transaction=found.transaction,
        lock_timeout=found.timeouts.get("lock-timeout"),
        statement_timeout=found.timeouts.get("statement-timeout"),
        waived=found.waived,
    )
    return directives, tuple(found.problems)


def said(text: str, start: int = 0) -> Iterator[tuple[int, bool, str, str]]:
    """Every comment that speaks to us: its offset, whether it has its colon, the name, the value.

    Raises SqlError where a quote or a comment is not closed.
    """
    for comment in lexer.comments(text, start):
        if match := _DIRECTIVE.fullmatch(comment.text):
            name, _, value = match[2].strip().partition(" ")
            if match[1] or name in KNOWN:  # else it is prose that begins with our name
                yield comment.start, bool(match[1]), name, value.strip()


def waivers(text: str) -> dict[str, tuple[int, int]]:
    """Line and column of each waiver, by its rule."""
    leading = LEADING.match(text)
    return {
        waiver[1]: lexer.position(text, offset)
        for offset, _, name, value in said(leading[0] if leading else "")
        if name == "waive" and (waiver := _WAIVER.fullmatch(value))
    }


def _take(found: _Found, name: str, value: str, colon: bool) -> tuple[str, str] | None:
    """Note one directive, or say what is wrong with it and how it should be."""
    if not colon:
        return f"`rfdata {name}` lacks its colon", f"write {FORMS[name]}"
    if name not in KNOWN:
        near = get_close_matches(name.lower().rstrip(":").replace("_", "-"), KNOWN, 1, 0.6)
        known = f"write {FORMS[near[0]]}" if near else f"there are {', '.join(KNOWN)}"
        return f"there is no directive {name!r}" if name else "the directive is empty", known
    if name == "waive":
        return _take_waiver(found, value)
    if name == "no-transaction":
        if value:
            return f"no-transaction takes no value, here {value!r}", f"write {FORMS[name]}"
        if not found.transaction:
            return "no-transaction is said twice", "remove one"
        found.transaction = False
        return None
    if name in found.timeouts:
        return f"{name} is said twice", "remove one"
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        return f"{name}: {error}", f"write, for example, {FORMS[name]}"
    if seconds < 0.001:
        return f"{name} {value} would be no limit at all", "name a limit of at least 1ms"
    found.timeouts[name] = seconds
    return None


def _take_waiver(found: _Found, value: str) -> tuple[str, str] | None:
    waiver = _WAIVER.fullmatch(value)
    if waiver is None:
        return f"can't read the waiver {value!r}", f"write {FORMS['waive']}"
    rule, reason = waiver[1], waiver[2].strip()
    if not reason:
        return f"{rule} is waived without a reason", f"write {FORMS['waive']}"
    if rule in found.waived:
        return f"{rule} is waived twice", "remove one"
    found.waived[rule] = reason
    return None
