"""How many rows each table has: exact, for a copy is small or has no rows of large tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rfdata.migrations.locks import targets

if TYPE_CHECKING:
    from rfdata.migrations.migration import Session

_AT_ONCE = 500
"""Tables in one query."""


def count(session: Session) -> Mapping[str, int]:
    """By "schema.table"; of a partitioned table, each partition."""
    from psycopg.sql import SQL, Identifier, Literal

    tables = [each for each in targets(session).values() if each.has_rows]
    found: dict[str, int] = {}
    for start in range(0, len(tables), _AT_ONCE):
        parts = [
            SQL("SELECT {}, count(*) FROM ONLY {}").format(
                Literal(str(table)), Identifier(table.schema, table.name)
            )
            for table in tables[start : start + _AT_ONCE]
        ]
        found |= dict(session.execute(SQL(" UNION ALL ").join(parts)).fetchall())
    return found


def changes(before: Mapping[str, int], after: Mapping[str, int]) -> Iterator[str]:
    """What has more or fewer rows than it had. Tables that came or went are the catalogue's.

    >>> list(changes({"a.b": 3, "a.c": 1}, {"a.b": 2, "a.c": 1, "a.d": 5}))
    ['rows of a.b: 3 before, 2 after']
    """
    for table in sorted(before.keys() & after.keys()):
        if before[table] != after[table]:
            yield f"rows of {table}: {before[table]} before, {after[table]} after"
