"""Sizes and durations as PostgreSQL writes them: "256MB", "1000ms"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_SIZE = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_TIME = {
    "us": 1,
    "ms": 1000,
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
"""Microseconds."""
_QUANTITY = re.compile(r"([0-9]{1,24}(?:\.[0-9]{1,24})?)[ \t]*([a-zA-Z]+)")

LARGEST = 1024 * _SIZE["TB"]
"""Bytes: more than any machine has, and exact in every program's 64-bit numbers."""
LONGEST = 2_147_483.647
"""Seconds: 2^31 - 1 ms (24.8 days), the most that PostgreSQL's own durations take."""


def parse_size(text: object) -> int:
    """Bytes of a size with its unit (B, kB, MB, GB, TB; 1024-based like PostgreSQL's).

    >>> parse_size("256MB")
    268435456
    """
    if isinstance(text, int) and not isinstance(text, bool):
        raise ValueError(
            f'a size needs its unit: B, kB, MB, GB or TB, for example "{_cut(text)}MB"'
        )
    size = round(_parse(text, _SIZE, "a size", '"256MB"'))
    if size > LARGEST:
        raise ValueError(f"at most {format_size(LARGEST)}")
    return size


def parse_duration(text: object) -> float:
    """Seconds of a duration with its unit (us, ms, s, min, h, d).

    >>> parse_duration("1000ms")
    1.0
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise ValueError(
            f'a duration needs its unit: us, ms, s, min, h or d, for example "{_cut(text)}s"'
        )
    microseconds = _parse(text, _TIME, "a duration", '"10s"')
    if microseconds.denominator != 1:
        raise ValueError("finer than a microsecond")
    seconds = int(microseconds) / _TIME["s"]
    if seconds > LONGEST:
        raise ValueError("at most 24 days")
    return seconds


def format_size(size: int) -> str:
    """The shortest exact form that PostgreSQL reads back.

    >>> format_size(1610612736)
    '1536MB'
    """
    return _format(size, _SIZE, "B")


def format_duration(seconds: float) -> str:
    """The shortest exact form that PostgreSQL reads back, to the microsecond.

    >>> format_duration(600.0)
    '10min'
    """
    return _format(round(seconds * _TIME["s"]), _TIME, "ms")


def _format(amount: int, units: Mapping[str, int], of_zero: str) -> str:
    for unit, factor in reversed(list(units.items())):
        if amount and amount % factor == 0:
            return f"{amount // factor}{unit}"
    return f"0{of_zero}"


def _parse(text: object, units: Mapping[str, int], what: str, example: str) -> Fraction:
    if not isinstance(text, str):
        raise ValueError(f"{what} is written as text with its unit, for example {example}")
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match[2] not in units:
        known = ", ".join(units)
        raise ValueError(
            f"{_cut(text)!r} is not {what}; write a number and one of {known}, for example {example}"
        )
    return Fraction(match[1]) * units[match[2]]


def _cut(value: object) -> str:
    """What was written, short enough for a message."""
    text = str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


Size = Annotated[int, BeforeValidator(parse_size), PlainSerializer(format_size)]
"""Bytes."""

Duration = Annotated[float, BeforeValidator(parse_duration), PlainSerializer(format_duration)]
"""Seconds."""
