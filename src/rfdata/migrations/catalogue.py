"""Everything a migration could leave behind in a database, in a form that can be compared.

Free of OIDs: two databases with the same catalogue may be compared too. Objects of extensions are
left out (the extension counts), so are the ledger's schema and those of the system. Not looked at:
rows, and where a sequence stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from json import loads
from types import MappingProxyType
from typing import TYPE_CHECKING

from rfdata.migrations.queries import query

if TYPE_CHECKING:
    from psycopg.rows import TupleRow

    from rfdata.migrations.migration import Session

Content = str | tuple[str, ...]
"""Several things without an order among them (privileges) are a tuple, sorted."""

PARTS = (
    "schemas",
    "relations",
    "columns",
    "tables",
    "types",
    "routines",
    "operators",
    "cluster",
)
"""Each is the query `sql/catalogue_PART.sql`."""

ORDERED = "column order"
"""The one facet with several parts whose order counts."""

_PRINTING = (
    "SET LOCAL search_path = ''; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD';"
    " SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 1;"
    " SET LOCAL quote_all_identifiers = off; SET LOCAL jit = off"
)
"""What decides how the server prints names and expressions; nothing but pg_catalog goes unqualified."""

_SHOWN = 80
"""Characters of a definition in a line of differences."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object."""

    of: str
    """The object that it goes away with: a column's table, a table's schema; or empty."""
    text: str
    """Its facets as the server wrote them, a JSON object: most are never looked into."""
    notes: Mapping[str, str]
    """Comments, security labels, extensions that it goes with."""

    @property
    def facets(self) -> Mapping[str, Content]:
        """What it has none of, or has as usual, is not among them."""
        found = loads(self.text).items()
        return {name: _canonical(name, value) for name, value in found if value} | {**self.notes}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """By "kind name", for example "index research.jobs_claim_idx"."""

    entries: Mapping[str, Entry] = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self) -> int:
        return len(self.entries)


def snapshot(session: Session) -> Catalogue:
    """Read the whole catalogue as of one moment. `session` is in autocommit; it sees what it may see.

    Raises psycopg.Error.
    """
    with session.transaction():
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        session.execute(_PRINTING)
        rows = [row for part in PARTS for row in _rows(session, part)]
        notes: dict[tuple[int, int, int], dict[str, str]] = {}
        for classid, objid, subid, name, text in _rows(session, "notes"):
            notes.setdefault((classid, objid, subid), {})[name] = text
    entries = {
        f"{kind} {name}": Entry(of or "", facets, notes.get((classid, objid, subid), {}))
        for classid, objid, subid, kind, name, of, facets in rows
    }
    return Catalogue(MappingProxyType(entries))


def differences(before: Catalogue, after: Catalogue) -> tuple[str, ...]:
    """What is not as it was, a line each; of a whole table that was left behind, only the table."""
    return tuple(_differences(before.entries, after.entries))


def _rows(session: Session, part: str) -> Iterator[TupleRow]:
    """Prepared, for a rehearsal asks the same again and again; JSON stays text."""
    from psycopg.types.string import TextLoader

    cursor = session.cursor()
    cursor.adapters.register_loader("json", TextLoader)
    return cursor.execute(query(f"catalogue_{part}"), prepare=True)


def _canonical(facet: str, value: str | list[str]) -> Content:
    if isinstance(value, str):
        return value
    return tuple(value) if facet == ORDERED else tuple(sorted(value))


def _differences(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> Iterator[str]:
    for key in sorted(before.keys() | after.keys()):
        was, became = before.get(key), after.get(key)
        if was is None and became is not None:
            if became.of not in after or became.of in before:
                yield f"{key}: was left behind{_with_others(key, after)}"
        elif became is None and was is not None:
            if was.of not in before or was.of in after:
                yield f"{key}: is gone{_with_others(key, before)}"
        elif was is not None and became is not None:
            yield from _changes(key, was, became)


def _changes(key: str, was: Entry, became: Entry) -> Iterator[str]:
    if was == became:
        return
    old, new = was.facets, became.facets
    for facet in sorted(old.keys() | new.keys()):
        yield from _facet(key, facet, old.get(facet), new.get(facet))


def _with_others(key: str, entries: Mapping[str, Entry]) -> str:
    """A schema's contents are not listed; that there are some is said."""
    if not key.startswith("schema "):
        return ""
    number = sum(entry.of == key for entry in entries.values())
    return f", with {number} object{'s' if number > 1 else ''} in it" if number else ""


def _facet(key: str, facet: str, was: Content | None, became: Content | None) -> Iterator[str]:
    """
    >>> list(_facet("column a.b.c", "not null", None, "yes"))
    ['column a.b.c: not null: no before, yes after']
    >>> list(_facet("table a.b", "privileges", ("x=r/o",), ("x=r/o", "y=r/o")))
    ['table a.b: privileges: y=r/o was left behind']
    """
    if was == became:
        return
    if isinstance(was, tuple | None) and isinstance(became, tuple | None):
        old, new = was or (), became or ()
        if sorted(old) == sorted(new):
            yield f"{key}: {facet} {', '.join(old)} before, {', '.join(new)} after"
        elif facet != ORDERED:
            yield from (
                f"{key}: {facet}: {each} was left behind" for each in new if each not in old
            )
            yield from (f"{key}: {facet}: {each} is gone" for each in old if each not in new)
    elif "yes" in (was, became):
        yield f"{key}: {facet}: {was or 'no'} before, {became or 'no'} after"
    else:
        old_text, new_text = _shown(str(was or "none"), str(became or "none"))
        yield f"{key}: {facet} {old_text} before, {new_text} after"


def _shown(was: str, became: str) -> tuple[str, str]:
    """Two texts in brief: of long ones the first lines that differ.

    >>> _shown("text", "citext")
    ('text', 'citext')
    >>> _shown("BEGIN\\n  a;\\nEND", "BEGIN\\n  b;\\nEND")
    ('"a;"', '"b;"')
    """
    if "\n" in was or "\n" in became:
        old, new = was.splitlines(), became.splitlines()
        pairs = enumerate(zip(old, new, strict=False))
        first = next((at for at, (a, b) in pairs if a != b), min(len(old), len(new)))
        was, became = _line(old, first), _line(new, first)
    return _cut(was), _cut(became)


def _line(lines: list[str], number: int) -> str:
    return f'"{" ".join(lines[number].split())}"' if number < len(lines) else "nothing"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
