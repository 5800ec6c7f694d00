"""Figures in the words that a DBA uses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rfdata.config.quantities import format_duration, format_size
from rfdata.model.facts import Setting

_UNIT = re.compile(r"(\d*)([a-zA-Z]+)")
_BYTES = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def size(value: float) -> str:
    """Bytes, exactly where a short form is exact, else to one decimal.

    >>> size(1610612736), size(5_000_000_000)
    ('1536 MB', '4.7 GB')
    """
    exact = re.fullmatch(r"(\d{1,4})([a-zA-Z]+)", format_size(round(value)))
    if exact:
        return f"{exact[1]} {exact[2]}"
    for unit in ("TB", "GB", "MB", "kB"):
        if value >= _BYTES[unit]:
            return f"{value / _BYTES[unit]:.1f} {unit}"
    return f"{value:.0f} B"


def duration(value: float) -> str:
    """Seconds in the largest unit that is exact.

    >>> duration(600.0), duration(1.0), duration(0.0)
    ('10 min', '1 s', '0 ms')
    """
    exact = re.fullmatch(r"(\d+)([a-z]+)", format_duration(value))
    return f"{exact[1]} {exact[2]}" if exact else f"{value:g} s"


def age(value: float) -> str:
    """How long ago, roughly.

    >>> age(3.4), age(200.0), age(90_000.0)
    ('3 s', '3 min', '25 h')
    """
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.0f} h"


def mode(bits: int) -> str:
    """Permission bits as chmod takes them.

    >>> mode(0o600)
    '0600'
    """
    return f"{bits:04o}"


def listing(names: Iterable[str], none: str = "none") -> str:
    """Names in order, or a word for none.

    >>> listing({"b", "a"}), listing([])
    ('a, b', 'none')
    """
    return ", ".join(sorted(names)) or none


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> count(1, "file"), count(2, "file"), count(0, "entry", "entries")
    ('1 file', '2 files', '0 entries')
    """
    return f"{number} {one if number == 1 else many or one + 's'}"


def bytes_of(setting: Setting) -> int:
    """A size of pg_settings in bytes; its unit may be a block ("8kB"). -1 stays -1.

    >>> bytes_of(Setting("32768", "8kB", "postmaster", "default", False))
    268435456
    """
    return round(_scaled(setting, _BYTES))


def seconds_of(setting: Setting) -> float:
    """A time of pg_settings in seconds; -1 stays -1."""
    return _scaled(setting, _SECONDS)


def _scaled(setting: Setting, factors: dict[str, int] | dict[str, float]) -> float:
    number = float(setting.value)
    unit = _UNIT.fullmatch(setting.unit)
    if number < 0 or unit is None:
        return number
    return number * float(unit[1] or 1) * float(factors[unit[2]])
