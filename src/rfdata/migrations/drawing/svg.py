"""A drawing as SVG that stands alone: its own style for light and dark, no scripts, no fonts to load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape

from rfdata.migrations.drawing import figure
from rfdata.migrations.drawing.figure import HEAD, NAME_AT, Drawing, Entity, Reference, Row, Stub
from rfdata.migrations.drawing.placing import Rectangle
from rfdata.migrations.drawing.routing import Point
from rfdata.migrations.drawing.shapes import GRID

_EDGE, _TOP, _GAP, _LINE = 28, 78, 40, 26
_NARROWEST = 700
_SIGN = 34
"""What a sign of the legend takes."""

_STYLE = """
svg { --paper: #ffffff; --ink: #1f2733; --soft: #5b6778; --line: #8794a6; --edge: #c9d1dc;
  --box: #ffffff; --head: #e8eef7; --stripe: #f6f8fb; --stub: #f1f3f6; --primary: #9a5b00;
  --foreign: #1f5fbf; --hot: #d1341f; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #12161c; --ink: #e4e9f0; --soft: #9aa7b8; --line: #75849a; --edge: #39434f;
    --box: #191f27; --head: #26323f; --stripe: #1d242d; --stub: #222a34; --primary: #f0b45a;
    --foreign: #7db2ff; --hot: #ff8a73; }
}
text { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: 12px; fill: var(--ink); dominant-baseline: central; white-space: pre; }
.paper { fill: var(--paper); }
.big { font-size: 20px; font-weight: 700; }
.said { font-size: 12px; fill: var(--soft); }
.box { fill: var(--box); stroke: var(--edge); }
.head { fill: var(--head); }
.odd { fill: transparent; }
.even { fill: var(--stripe); }
.title { font-size: 13px; font-weight: 700; }
.note { font-size: 10px; fill: var(--soft); text-anchor: end; }
.type { font-size: 11px; fill: var(--soft); text-anchor: end; }
.optional { font-style: italic; }
.mark { font-size: 9px; font-weight: 700; }
.pk { fill: var(--primary); }
.fk { fill: var(--foreign); }
.stub rect { fill: var(--stub); stroke: var(--edge); stroke-dasharray: 3 2; }
.stub text { font-size: 11px; fill: var(--soft); text-anchor: middle; }
.link path, .link circle { fill: none; stroke: var(--line); stroke-width: 1; stroke-linejoin: round; }
.link circle { fill: var(--paper); }
.link .near { stroke: transparent; stroke-width: 9; }
.link:hover path:not(.near), .link:hover circle { stroke: var(--hot); stroke-width: 2; }
""".strip()


def render(drawing: Drawing, title: str, said: str, about: str, legend: Sequence[str]) -> str:
    """`said` stands below the title, `about` is read out to those who don't see the picture."""
    placed = drawing.placed
    width = max(placed.width + 2 * _EDGE, _NARROWEST)
    below = _TOP + placed.height + _GAP
    lines = _lines(legend, width)
    height = below + _LINE * len(lines)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title about"',
        f' width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f'<title id="title">{_text(title)}</title>',
        f'<desc id="about">{_text(about)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        f'<text class="big" x="{_EDGE}" y="32">{_text(title)}</text>',
        f'<text class="said" x="{_EDGE}" y="56">{_text(said)}</text>',
        f'<g transform="translate({_EDGE + 0.5} {_TOP + 0.5})">',
        *_connectors(drawing),
        *(_stub(stub) for stub in drawing.stubs),
        *(_entity(entity, placed.boxes[entity.key]) for entity in drawing.entities),
        "</g>",
        *(
            _sign(text, x, below + _LINE * row)
            for row, line in enumerate(lines)
            for x, text in line
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _text(text: str) -> str:
    """Text for XML, which has no way to say control characters.

    >>> _text("a < b\\x01")
    'a &lt; b\\ufffd'
    """
    shown = (each if each.isprintable() or each == "\n" else "\ufffd" for each in text)
    return escape("".join(shown))


def _connectors(drawing: Drawing) -> Iterator[str]:
    for reference, link in drawing.links:
        route = drawing.placed.routes[link]
        yield _connector([reference], route)
    for stub in drawing.stubs:
        route = ((stub.reach, stub.y), (stub.place.x + stub.place.width, stub.y))
        yield _connector(stub.references, route)


def _connector(references: Sequence[Reference], route: Sequence[Point]) -> str:
    """A line with the crow's foot notation at both ends, and what it means as its tooltip."""
    start, end = route[0], route[-1]
    path = "M" + " L".join(f"{x} {y}" for x, y in route)
    single = all(one.single for one in references)
    optional = any(one.optional for one in references)
    tooltip = "\n".join(one.tooltip for one in references)
    return (
        f'<g class="link"><title>{_text(tooltip)}</title>'
        f'<path class="near" d="{path}"/><path d="{path}"/>'
        f"{_child_end(start, _direction(start, route[1]), single)}"
        f"{_parent_end(end, _direction(end, route[-2]), optional)}</g>"
    )


def _direction(end: Point, inner: Point) -> int:
    return 1 if inner[0] > end[0] else -1


def _child_end(end: Point, way: int, single: bool) -> str:
    """Zero or many, or zero or one."""
    x, y = end
    if single:
        bar = x + way * 7
        return f'<path d="M{bar} {y - 5} V{y + 5}"/><circle cx="{x + way * 14}" cy="{y}" r="3.5"/>'
    toe = x + way * 11
    return (
        f'<path d="M{x} {y - 5} L{toe} {y} L{x} {y + 5}"/>'
        f'<circle cx="{toe + way * 4}" cy="{y}" r="3.5"/>'
    )


def _parent_end(end: Point, way: int, optional: bool) -> str:
    """Exactly one, or zero or one."""
    x, y = end
    bar = f"M{x + way * 6} {y - 5} V{y + 5}"
    if optional:
        return f'<path d="{bar}"/><circle cx="{x + way * 13}" cy="{y}" r="3.5"/>'
    return f'<path d="{bar} M{x + way * 10} {y - 5} V{y + 5}"/>'


def _stub(stub: Stub) -> str:
    place = stub.place
    tooltip = "\n".join(one.parent for one in stub.references)
    return (
        f'<g class="stub"><title>{_text(tooltip)}</title>'
        f'<rect x="{place.x}" y="{place.y}" width="{place.width}" height="{place.height}" rx="8"/>'
        f'<text x="{place.x + place.width // 2}" y="{stub.y}">{_text(stub.label)}</text></g>'
    )


def _entity(entity: Entity, place: Rectangle) -> str:
    right = place.width - 10
    parts = [
        f'<g transform="translate({place.x} {place.y})"><title>{_text(entity.tooltip)}</title>',
        f'<rect class="box" width="{place.width}" height="{place.height}" rx="6"/>',
        f'<path class="head" d="{_head(place.width)}"/>',
        f'<text class="title" x="10" y="{HEAD // 2}">{_text(figure.shown_name(entity.title))}</text>',
        f'<text class="note" x="{right}" y="{HEAD // 2}">{_text(entity.note)}</text>',
    ]
    rows = (_row(row, index, place.width) for index, row in enumerate(entity.rows))
    return "\n".join([*parts, *rows, "</g>"])


def _row(row: Row, index: int, width: int) -> str:
    y = figure.middle(index)
    stripe = "even" if index % 2 else "odd"
    optional = " optional" if row.optional else ""
    return "".join(
        [
            f"<g><title>{_text(row.tooltip)}</title>",
            f'<rect class="{stripe}" x="1" y="{y - GRID // 2}" width="{width - 2}" height="{GRID}"/>',
            *_marks(row.marks, y),
            f'<text x="{NAME_AT}" y="{y}">{_text(figure.shown_name(row.name))}</text>',
            f'<text class="type{optional}" x="{width - 10}" y="{y}">',
            f"{_text(figure.shown_type(row.type))}</text></g>",
        ]
    )


def _head(width: int) -> str:
    """Rounded above, as the box is."""
    right = width - 0.5
    return f"M.5 {HEAD} V6 Q.5 .5 6 .5 H{width - 6} Q{right} .5 {right} 6 V{HEAD} Z"


def _marks(marks: Iterable[str], y: int) -> Iterator[str]:
    for index, mark in enumerate(marks):
        yield f'<text class="mark {mark.lower()}" x="{10 + 15 * index}" y="{y}">{mark}</text>'


def _lines(legend: Sequence[str], width: int) -> list[list[tuple[int, str]]]:
    """The legend's entries with their x, on as many lines as it takes."""
    lines: list[list[tuple[int, str]]] = []
    x = width
    for text in legend:
        needs = round(_SIGN + figure.NAME * figure.wide(text.partition(" ")[2]) + 22)
        if x + needs > width:
            lines.append([])
            x = _EDGE
        lines[-1].append((x, text))
        x += needs
    return lines


def _sign(text: str, x: int, y: int) -> str:
    sign, _, words = text.partition(" ")
    shown = f'<text class="said" x="{_SIGN}" y="0">{_text(words)}</text>'
    return f'<g transform="translate({x + 0.5} {y + 0.5})">{_SIGNS[sign]}{shown}</g>'


_PLAIN = '<path d="M0 0 H26"/>'
_SIGNS = {
    "many": f'<g class="link">{_PLAIN}{_child_end((26, 0), -1, single=False)}</g>',
    "single": f'<g class="link">{_PLAIN}{_child_end((26, 0), -1, single=True)}</g>',
    "one": f'<g class="link">{_PLAIN}{_parent_end((26, 0), -1, optional=False)}</g>',
    "pk": '<text class="mark pk" x="14" y="0">PK</text>',
    "fk": '<text class="mark fk" x="14" y="0">FK</text>',
    "null": '<text class="type optional" x="28" y="0">type</text>',
    "rls": '<text class="note" x="28" y="0">RLS</text>',
    "stub": '<g class="stub"><rect x="0" y="-7" width="26" height="14" rx="7"/></g>',
}
