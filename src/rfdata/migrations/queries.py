"""The SQL that the runner asks, each query in a file of its own."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def query(name: str) -> bytes:
    """The text of `sql/NAME.sql`."""
    return (resources.files("rfdata.migrations") / "sql" / f"{name}.sql").read_bytes()
