"""Comparing settings the way PostgreSQL does, and what it takes to mend a difference. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rfdata.model.facts import Setting
from rfdata.postgres.conf import Desired, split_list
from rfdata.postgres.extras import PROTECTED

Effect = Literal["reload", "restart", "recreate"]

_SIZES = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_TIMES = {
    "us": 1,
    "ms": 10**3,
    "s": 10**6,
    "min": 60 * 10**6,
    "h": 3600 * 10**6,
    "d": 86400 * 10**6,
}
_NUMBER = re.compile(r"([+-]?(?:0x[0-9a-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?))\s*([a-z]*)", re.I)
_UNIT = re.compile(r"(\d*)(B|kB|MB|GB|TB|us|ms|s|min|h|d)")
_LISTS = frozenset(
    {
        "datestyle",
        "listen_addresses",
        "local_preload_libraries",
        "log_destination",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
        "wal_consistency_checking",
    }
)
_ZONES = frozenset({"timezone", "log_timezone"})
"""Names of time zones are shown in their own spelling."""

_SYNONYMS = {
    "wal_compression": {"on": "pglz", "true": "pglz", "yes": "pglz", "1": "pglz"},
    "wal_level": {"archive": "replica", "hot_standby": "replica"},
}
"""Values that PostgreSQL takes but shows under another name."""

_SESSION_SOURCES = frozenset({"client", "session", "user", "database", "database user"})
"""A value from there says nothing about the server's own."""


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that isn't as it should be."""

    name: str
    old: str
    new: str
    effect: Effect
    """reload: nobody is cut off; restart: the server is; recreate: only a new cluster has it."""
    overridden: bool = False
    """ALTER SYSTEM overrides the rendered file: ResetSetting has to come first."""


def differences(desired: Mapping[str, Desired], live: Mapping[str, Setting]) -> tuple[Change, ...]:
    """What has to change for a running server to be as desired, in the desired order.

    Also finds what an earlier file set and the desired one no longer does, and what ALTER SYSTEM
    overrides, be its value right today: it would win over the next change of the file.
    """
    known = {name.lower(): setting for name, setting in live.items()}
    changes = [
        change
        for name, wanted in desired.items()
        if (change := _change(name, wanted.value, known.get(name.lower()))) is not None
    ]
    wanted_names = {name.lower() for name in desired}
    for name, setting in known.items():
        if name not in wanted_names and (change := _leftover(name, setting)) is not None:
            changes.append(change)
    return tuple(changes)


def same(name: str, wanted: str, live: Setting) -> bool:
    """Whether PostgreSQL takes both for the same value."""
    if wanted == live.value:
        return True
    name, wanted = name.lower(), wanted.strip()
    wanted = _SYNONYMS.get(name, {}).get(wanted.lower(), wanted)
    if name in _LISTS:
        return split_list(wanted) == split_list(live.value)
    if live.type == "string":
        return name in _ZONES and wanted.lower() == live.value.lower()
    if live.type in ("bool", "enum", ""):
        left, right = _truth(wanted), _truth(live.value)
        if left is not None and right is not None:
            return left == right
    numbers = quantity(wanted, live.unit), quantity(live.value, live.unit)
    if numbers[0] is not None and numbers[1] is not None:
        return _equal(numbers[0], numbers[1], whole=live.type == "integer")
    return wanted.lower() == live.value.lower()


def shown(value: str, unit: str) -> str:
    """A value of pg_settings as a person would write it.

    >>> shown("32768", "8kB"), shown("1000", "ms"), shown("-1", "ms"), shown("on", "")
    ('256MB', '1s', '-1', 'on')
    """
    match = _UNIT.fullmatch(unit)
    if match is None or not value.isdecimal() or value == "0":
        return value
    units = _SIZES if match[2] in _SIZES else _TIMES
    total = int(value) * int(match[1] or 1) * units[match[2]]
    for name, factor in sorted(units.items(), key=lambda item: -item[1]):
        if total % factor == 0:
            return f"{total // factor}{name}"
    return f"{value} x {unit}"


def quantity(text: str, unit: str) -> float | None:
    """A number in the setting's own unit, or None where it is none.

    >>> quantity("256MB", "8kB"), quantity("1s", "ms"), quantity("0640", ""), quantity("on", "")
    (32768.0, 1000.0, 416.0, None)
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    number = _number(match[1])
    if not match[2]:
        return number
    base = _UNIT.fullmatch(unit)
    if base is None:
        return None
    for units in (_SIZES, _TIMES):
        if match[2] in units and base[2] in units:
            return number * units[match[2]] / (int(base[1] or 1) * units[base[2]])
    return None


def _number(digits: str) -> float:
    """As C's strtol and strtod read it: 0x is hexadecimal, a leading 0 octal."""
    bare = digits.lstrip("+-")
    sign = -1.0 if digits.startswith("-") else 1.0
    if bare.lower().startswith("0x"):
        return sign * int(bare, 16)
    if re.fullmatch(r"0[0-7]+", bare):
        return sign * int(bare, 8)
    return sign * float(bare)


def _equal(left: float, right: float, *, whole: bool) -> bool:
    if whole:
        return round(left) == round(right)
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)


def _truth(text: str) -> bool | None:
    """PostgreSQL takes any unambiguous beginning of these words.

    >>> _truth("t"), _truth("of"), _truth("o"), _truth("replica")
    (True, False, None, None)
    """
    word = text.lower()
    if word in ("1", "0"):
        return word == "1"
    for full, value, least in (
        ("true", True, 1),
        ("false", False, 1),
        ("yes", True, 1),
        ("no", False, 1),
        ("on", True, 2),
        ("off", False, 2),
    ):
        if len(word) >= least and full.startswith(word):
            return value
    return None


def _change(name: str, wanted: str, live: Setting | None) -> Change | None:
    if live is None:
        return Change(name, "(not known to the server)", wanted, "restart")
    if live.altered:
        effect = _effect(live) if live.pending_restart or not same(name, wanted, live) else "reload"
        return Change(name, shown(live.value, live.unit), wanted, effect, overridden=True)
    if live.source in _SESSION_SOURCES or same(name, wanted, live):
        return None
    return Change(name, shown(live.value, live.unit), wanted, _effect(live))


def _leftover(name: str, live: Setting) -> Change | None:
    """A setting that the desired file is silent about."""
    if live.altered and name in PROTECTED:
        return Change(
            name, shown(live.value, live.unit), "(default)", _effect(live), overridden=True
        )
    if live.source != "configuration file" or live.altered or live.context == "internal":
        return None
    if same(name, live.default, live):
        return None
    return Change(
        name,
        shown(live.value, live.unit),
        f"{shown(live.default, live.unit)} (default)",
        _effect(live),
    )


def _effect(live: Setting) -> Effect:
    if live.context == "internal":
        return "recreate"
    restart = live.context == "postmaster" or live.source == "command line"
    return "restart" if restart else "reload"
