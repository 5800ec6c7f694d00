"""An entity diagram before it is drawn: boxes with rows, links between them, stubs beside them. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rfdata.migrations.drawing.placing import Placed, Rectangle, place
from rfdata.migrations.drawing.shapes import GRID, Box, Link

HEAD = 30
"""A box's title bar, in pixels."""

NAME_AT = 42
"""Where names begin, to the right of the marks."""

NAME, TYPE, TITLE, NOTE = 7.3, 6.7, 8.0, 6.1
"""How wide a character is: names at 12 px, types at 11, titles at 13 and bold, notes at 10.

Fonts are the reader's, so these are those of the widest common monospaced ones.
"""

_NARROWEST = 200
_LONGEST_NAME, _LONGEST_TYPE, _LONGEST_STUB = 36, 28, 34
_REACH = 44
"""From a stub to its box: room for both ends' marks."""

_MARGIN = 30


@dataclass(frozen=True, slots=True)
class Row:
    marks: tuple[str, ...]
    """ "PK", "FK"."""
    name: str
    type: str
    optional: bool
    tooltip: str


@dataclass(frozen=True, slots=True)
class Entity:
    key: str
    title: str
    note: str
    rows: tuple[Row, ...]
    tooltip: str


@dataclass(frozen=True, slots=True)
class Reference:
    """From a row of an entity to another entity, or to a stub for one that lies elsewhere."""

    name: str
    child: str
    row: int
    parent: str
    elsewhere: bool
    optional: bool
    """The child need not have a parent."""
    single: bool
    """A parent has at most one child."""
    tooltip: str


@dataclass(frozen=True, slots=True)
class Stub:
    label: str
    place: Rectangle
    references: tuple[Reference, ...]
    y: int
    """Of the connector, which runs from the stub's right to `reach`."""
    reach: int


@dataclass(frozen=True, slots=True)
class Drawing:
    entities: tuple[Entity, ...]
    placed: Placed
    links: tuple[tuple[Reference, Link], ...]
    stubs: tuple[Stub, ...]


def draw(entities: Sequence[Entity], references: Sequence[Reference]) -> Drawing:
    """Everything in its place."""
    beside = _beside(references)
    boxes = [_box(entity, beside) for entity in entities]
    links = _links(references, beside)
    placed = place(boxes, [link for _, link in links])
    return Drawing(tuple(entities), placed, tuple(links), tuple(_stubs(beside, placed)))


def middle(row: int) -> int:
    """
    >>> middle(0)
    40
    """
    return HEAD + GRID * row + GRID // 2


def wide(text: str) -> int:
    """How many characters' room a text takes; Chinese and the like take two each.

    >>> wide("name"), wide("名前")
    (4, 4)
    """
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def shortened(text: str, longest: int) -> str:
    """
    >>> shortened("organizations", 8), shortened("users", 8)
    ('organiz…', 'users')
    """
    if wide(text) <= longest:
        return text
    while wide(text) >= longest:
        text = text[:-1]
    return text + "…"


def shown_name(text: str) -> str:
    return shortened(text, _LONGEST_NAME)


def shown_type(text: str) -> str:
    return shortened(text, _LONGEST_TYPE)


Beside = Mapping[tuple[str, int], tuple[Reference, ...]]
"""What leads elsewhere, by entity and row."""


def _beside(references: Sequence[Reference]) -> Beside:
    found: dict[tuple[str, int], tuple[Reference, ...]] = {}
    for one in references:
        if one.elsewhere:
            found[one.child, one.row] = (*found.get((one.child, one.row), ()), one)
    return found


def _links(references: Sequence[Reference], beside: Beside) -> list[tuple[Reference, Link]]:
    """A row that has a connector already gets the next one at its lower edge."""
    taken = set(beside)
    found = []
    for one in references:
        if not one.elsewhere:
            lower = GRID // 2 if (one.child, one.row) in taken else 0
            taken.add((one.child, one.row))
            at = middle(one.row) + lower
            found.append((one, Link(one.name, one.child, one.parent, at, one.optional)))
    return found


def _box(entity: Entity, beside: Beside) -> Box:
    """As wide as its widest row, with room for its stubs."""
    rows = (
        NAME_AT + NAME * wide(shown_name(row.name)) + 20 + TYPE * wide(shown_type(row.type)) + 10
        for row in entity.rows
    )
    head = 10 + TITLE * wide(shown_name(entity.title)) + 16 + NOTE * wide(entity.note) + 10
    stubs = (_width(_label(those)) for (key, _), those in beside.items() if key == entity.key)
    widest = max(stubs, default=0)
    return Box(
        key=entity.key,
        width=round(max(_NARROWEST, head, *rows)),
        height=HEAD + GRID * len(entity.rows) + GRID // 2,
        margin=widest + _REACH if widest else _MARGIN,
    )


def _stubs(beside: Beside, placed: Placed) -> list[Stub]:
    found = []
    for (key, row), references in beside.items():
        box = placed.boxes[key]
        label = _label(references)
        y = box.y + middle(row)
        place = Rectangle(box.x - _REACH - _width(label), y - 8, _width(label), 16)
        found.append(Stub(label, place, references, y, box.x))
    return found


def _label(references: Sequence[Reference]) -> str:
    more = f" +{len(references) - 1}" if len(references) > 1 else ""
    return shortened(references[0].parent, _LONGEST_STUB) + more


def _width(label: str) -> int:
    return round(16 + NOTE * 1.1 * wide(label))
