"""How PostgreSQL's configuration files write things down: quoting, lists, comments."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HEADER = (
    "# Written by rfdata from rfdata.toml; what is changed here is overwritten by `rfdata up`.\n"
)
WIDTH = 96


@dataclass(frozen=True, slots=True)
class Desired:
    """A setting as it should be."""

    value: str
    """As a person would write it after SET: not yet quoted for the file."""
    why: str
    """One sentence."""


def render(desired: Mapping[str, Desired]) -> str:
    """A postgresql.conf with every why as a comment above its line."""
    blocks = [HEADER]
    for name, setting in desired.items():
        comment = textwrap.fill(
            setting.why, WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False
        )
        blocks.append(f"{comment}\n{name} = {quote(setting.value)}\n")
    return "\n".join(blocks)


def quote(value: str) -> str:
    r"""A value for postgresql.conf: in single quotes; backslashes are escapes there.

    >>> quote("it's")
    "'it''s'"
    >>> print(quote("a\\b"))
    'a\\b'
    """
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def list_value(elements: Iterable[str]) -> str:
    """A list setting's value: every element in double quotes, so commas and spaces are its own.

    >>> list_value(["/srv/a, b", "/tmp"])
    '"/srv/a, b", "/tmp"'
    """
    return ", ".join('"' + element.replace('"', '""') + '"' for element in elements)


def split_list(value: str) -> tuple[str, ...]:
    """The elements of a list setting's value, as PostgreSQL takes it apart.

    >>> split_list('"/srv/a, b",/tmp')
    ('/srv/a, b', '/tmp')
    """
    elements: list[str] = []
    rest = value.strip()
    while rest:
        element, rest = _quoted(rest) if rest.startswith('"') else _plain(rest)
        elements.append(element)
        rest = rest.lstrip().removeprefix(",").lstrip()
    return tuple(elements)


def _plain(text: str) -> tuple[str, str]:
    element, comma, rest = text.partition(",")
    return element.strip(), comma + rest


def _quoted(text: str) -> tuple[str, str]:
    """The content of the double quotes that `text` begins with, and what follows them."""
    content = ""
    rest = text[1:]
    while True:
        part, closing, rest = rest.partition('"')
        content += part
        if not closing or not rest.startswith('"'):
            return content, rest
        content += '"'
        rest = rest[1:]
