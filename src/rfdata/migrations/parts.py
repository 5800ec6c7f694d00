"""Rows of the catalogue as parts of the inventory. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from rfdata.migrations.structure import (
    Check,
    Column,
    ForeignKey,
    Function,
    Grants,
    Index,
    Key,
    Partitions,
    Policy,
    Trigger,
    Type,
)

Part = TypeVar("Part")
Constraint = Key | ForeignKey | Check
Pairs = Iterable[tuple[str, str]] | None
"""Grantee and privilege; None where nothing was ever granted."""

_KEYS = {"p": "primary key", "u": "unique", "x": "exclude"}
_BOUNDS = re.compile(r"FOR VALUES FROM \('([^']+)'\) TO \('([^']+)'\)")


def of(rows: Iterable[Sequence[Any]], make: Callable[..., Part]) -> Mapping[int, list[Part]]:
    """What was made of each row, by the oid that it begins with: a table's or a schema's."""
    found: dict[int, list[Part]] = defaultdict(list)
    for oid, *rest in rows:
        found[oid].append(make(*rest))
    return found


def column(
    name: str, of: str, not_null: bool, default: str, generated: Any, comment: str, granted: Pairs
) -> Column:
    return Column(name, written(of), not_null, default, generated, comment, grants(granted))


def constraint(
    name: str,
    kind: str,
    columns: Sequence[str] | None,
    schema: str,
    table: str,
    referenced: Sequence[str] | None,
    definition: str,
    comment: str,
) -> Constraint:
    own = tuple(columns or ())
    if kind == "c":
        return Check(name, definition, comment)
    if kind == "f":
        return ForeignKey(name, own, schema, table, tuple(referenced or ()), definition)
    return Key(name, _KEYS[kind], own, definition)  # type: ignore[arg-type]


def keys(made: Iterable[Constraint]) -> tuple[Key, ...]:
    """The primary key first."""
    found = (one for one in made if isinstance(one, Key))
    return tuple(sorted(found, key=lambda key: (key.kind != "primary key", key.name)))


def foreign_keys(made: Iterable[Constraint]) -> tuple[ForeignKey, ...]:
    return tuple(one for one in made if isinstance(one, ForeignKey))


def checks(made: Iterable[Constraint]) -> tuple[Check, ...]:
    return tuple(one for one in made if isinstance(one, Check))


def index(*row: Any) -> Index:
    return Index(*row)


def policy(name: str, command: str, permissive: bool, roles: list[str], *rest: str) -> Policy:
    return Policy(name, command, permissive, tuple(roles), *rest)


def trigger(*row: Any) -> Trigger:
    return Trigger(*row)


def function(
    name: str,
    of: Any,
    arguments: str,
    returns: str,
    language: str,
    volatility: Any,
    security_definer: bool,
    settings: Sequence[str],
    comment: str,
    granted: Pairs,
) -> Function:
    return Function(
        name=name,
        kind=of,
        arguments=written(arguments),
        returns=written(returns),
        language=language,
        volatility=volatility,
        security_definer=security_definer,
        settings=tuple(settings),
        comment=comment,
        grants=grants(granted),
    )


def kind(name: str, of: Any, parts: Iterable[str], comment: str) -> Type:
    return Type(name, of, tuple(parts), comment)


def written(type: str) -> str:
    """As one writes it; the catalogue prints some types in the long words of the standard.

    >>> written("timestamp(3) with time zone[]"), written("character varying(9)")
    ('timestamptz(3)[]', 'varchar(9)')
    """
    short = re.sub(r"\btimestamp(\(\d\))? with time zone\b", r"timestamptz\1", type)
    short = re.sub(r"\btimestamp(\(\d\))? without time zone\b", r"timestamp\1", short)
    return re.sub(r"\bcharacter varying\b", "varchar", short)


def partitions(key: str, bounds: Sequence[str]) -> Partitions:
    return Partitions(key, span(bounds), len(bounds), default="DEFAULT" in bounds)


def grants(pairs: Pairs) -> Grants:
    found: dict[str, set[str]] = defaultdict(set)
    for role, privilege in pairs or ():
        found[role].add(privilege)
    return {role: frozenset(found[role]) for role in sorted(found)}


def span(bounds: Iterable[str]) -> str:
    """What each partition spans, where all span the same.

    >>> span(["FOR VALUES FROM ('2024-12-01 00:00:00+00') TO ('2025-01-01 00:00:00+00')", "DEFAULT"])
    'month'
    >>> span(["FOR VALUES FROM ('2025-01-01') TO ('2025-01-08')"])
    'week'
    >>> span(["FOR VALUES FROM (1) TO (100)"])
    ''
    """
    spans = {_span_of(bound) for bound in bounds if bound != "DEFAULT"}
    return spans.pop() if len(spans) == 1 else ""


def _span_of(bound: str) -> str:
    if not (found := _BOUNDS.fullmatch(bound)):
        return ""
    try:
        first, end = (datetime.fromisoformat(text) for text in found.groups())
    except ValueError:
        return ""
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    spans = {
        "day": first + timedelta(days=1),
        "week": first + timedelta(days=7),
        "month": following if first.day == 1 else None,
        "year": first.replace(year=first.year + 1) if (first.month, first.day) == (1, 1) else None,
    }
    return next((name for name, expected in spans.items() if expected == end), "")
