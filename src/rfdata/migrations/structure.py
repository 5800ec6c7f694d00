"""A database as people read it: schemas, tables, functions, types, and who may do what. All frozen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

_RULES = re.compile(r"(?<=\) )(MATCH|ON UPDATE|ON DELETE|DEFERRABLE|NOT VALID)\b.*")

Grants = Mapping[str, frozenset[str]]
"""Grantee ("PUBLIC" for everyone) -> privileges, without the owner's own."""

TableKind = Literal["table", "partitioned table", "foreign table", "view", "materialized view"]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    not_null: bool
    default: str
    """An expression; empty for none."""
    generated: Literal["", "identity always", "identity by default", "generated stored"]
    comment: str
    grants: Grants
    """On this column alone."""


@dataclass(frozen=True, slots=True)
class Key:
    """Primary, unique or exclusion."""

    name: str
    kind: Literal["primary key", "unique", "exclude"]
    columns: tuple[str, ...]
    definition: str


@dataclass(frozen=True, slots=True)
class ForeignKey:
    name: str
    columns: tuple[str, ...]
    schema: str
    table: str
    referenced: tuple[str, ...]
    """The parent's columns."""
    definition: str

    @property
    def rules(self) -> str:
        """What is said after the parent's columns, for example "ON DELETE CASCADE"."""
        found = _RULES.search(self.definition)
        return found.group() if found else ""


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    definition: str
    comment: str


@dataclass(frozen=True, slots=True)
class Index:
    name: str
    method: str
    definition: str
    """What comes after USING."""
    unique: bool
    valid: bool
    backs_constraint: bool
    size: int
    """Bytes, of all partitions together."""
    comment: str


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    command: str
    permissive: bool
    roles: tuple[str, ...]
    using: str
    check: str
    comment: str


@dataclass(frozen=True, slots=True)
class Trigger:
    name: str
    definition: str
    """From BEFORE, AFTER or INSTEAD OF on."""
    comment: str


@dataclass(frozen=True, slots=True)
class Partitions:
    key: str
    """As one writes it after PARTITION BY."""
    by: str
    """ "month", where each partition spans one; "year", "week", "day" likewise; otherwise empty."""
    count: int
    default: bool
    """One partition takes what belongs into no other."""


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes, of all partitions together."""

    heap: int = 0
    indexes: int = 0
    toast: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    schema: str
    name: str
    kind: TableKind
    comment: str
    query: str
    """A view's."""
    row_security: Literal["", "enabled", "forced"]
    partitions: Partitions | None
    rows: int | None
    """As the planner estimates; None before the first ANALYZE."""
    size: Size
    columns: tuple[Column, ...]
    keys: tuple[Key, ...]
    foreign_keys: tuple[ForeignKey, ...]
    checks: tuple[Check, ...]
    indexes: tuple[Index, ...]
    policies: tuple[Policy, ...]
    triggers: tuple[Trigger, ...]
    grants: Grants

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def primary_key(self) -> tuple[str, ...]:
        return next((key.columns for key in self.keys if key.kind == "primary key"), ())

    def optional(self, key: ForeignKey) -> bool:
        """Rows without a parent are allowed."""
        nullable = {column.name for column in self.columns if not column.not_null}
        return not nullable.isdisjoint(key.columns)

    def one_to_one(self, key: ForeignKey) -> bool:
        """A parent has at most one such row."""
        unique = (set(other.columns) for other in self.keys if other.kind != "exclude")
        return any(columns <= set(key.columns) for columns in unique)


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    kind: Literal["function", "procedure", "aggregate", "window function"]
    arguments: str
    returns: str
    language: str
    volatility: Literal["immutable", "stable", "volatile"]
    security_definer: bool
    settings: tuple[str, ...]
    comment: str
    grants: Grants


@dataclass(frozen=True, slots=True)
class Type:
    name: str
    kind: Literal["enum", "domain", "composite", "range"]
    parts: tuple[str, ...]
    """An enum's labels, a domain's base type and constraints, a composite's attributes."""
    comment: str


@dataclass(frozen=True, slots=True)
class Namespace:
    """What SQL calls a schema."""

    name: str
    comment: str
    grants: Grants
    tables: tuple[Table, ...] = ()
    """Partitions are part of their table."""
    functions: tuple[Function, ...] = ()
    types: tuple[Type, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """Someone to whom something is granted."""

    name: str
    comment: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inventory:
    namespaces: tuple[Namespace, ...]
    roles: tuple[Role, ...]
    extensions: tuple[str, ...]
    """Those that the schema needs."""

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(table for namespace in self.namespaces for table in namespace.tables)
