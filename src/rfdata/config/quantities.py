"""Sizes and durations as PostgreSQL writes them: "256MB", "1000ms"."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_SIZE = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_TIME = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]+)")


def parse_size(text: object) -> int:
    """Bytes of a size with its unit (B, kB, MB, GB, TB; 1024-based like PostgreSQL's).

    >>> parse_size("256MB")
    268435456
    """
    if isinstance(text, int) and not isinstance(text, bool):
        raise ValueError(f'a size needs its unit: B, kB, MB, GB or TB, for example "{text}MB"')
    number, factor = _parse(text, _SIZE, "a size", '"256MB"')
    return round(number * factor)


def parse_duration(text: object) -> float:
    """Seconds of a duration with its unit (us, ms, s, min, h, d).

    >>> parse_duration("1000ms")
    1.0
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise ValueError(
            f'a duration needs its unit: us, ms, s, min, h or d, for example "{text}s"'
        )
    number, factor = _parse(text, _TIME, "a duration", '"10s"')
    return number * factor


def format_size(size: int) -> str:
    """The shortest exact form that PostgreSQL reads back.

    >>> format_size(1610612736)
    '1536MB'
    """
    for unit in ("TB", "GB", "MB", "kB"):
        if size and size % _SIZE[unit] == 0:
            return f"{size // _SIZE[unit]}{unit}"
    return f"{size}B"


def format_duration(seconds: float) -> str:
    """The shortest exact form that PostgreSQL reads back.

    >>> format_duration(600.0)
    '10min'
    """
    milliseconds = round(seconds * 1000)
    for unit in ("d", "h", "min", "s"):
        factor = round(_TIME[unit] * 1000)
        if milliseconds and milliseconds % factor == 0:
            return f"{milliseconds // factor}{unit}"
    return f"{milliseconds}ms"


def _parse(
    text: object, units: dict[str, float] | dict[str, int], what: str, example: str
) -> tuple[float, float]:
    if not isinstance(text, str):
        raise ValueError(f"{what} is written as text with its unit, for example {example}")
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match[2] not in units:
        known = ", ".join(units)
        raise ValueError(
            f"{text!r} is not {what}; write a number and one of {known}, for example {example}"
        )
    return float(match[1]), float(units[match[2]])


Size = Annotated[int, BeforeValidator(parse_size), PlainSerializer(format_size)]
"""Bytes."""

Duration = Annotated[float, BeforeValidator(parse_duration), PlainSerializer(format_duration)]
"""Seconds."""
