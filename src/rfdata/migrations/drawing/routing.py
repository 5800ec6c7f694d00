"""How links run in the gutters between layers: tracks, straight pieces, corners. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rfdata.migrations.drawing.layering import port
from rfdata.migrations.drawing.shapes import GRID, End, Item, Lane, Layers, Link, Net, Span

Point = tuple[int, int]

_SIDE = 12
"""From a gutter's edge to its first track."""

_TRACK = 10
"""From track to track."""

_APART = 4
"""What keeps two lines apart that run side by side."""

_HEAD = range(8, 28)
"""Where a net may end on its parent so that a line runs straight: beside the head, above the rows."""

_LOOP = 26
"""How far links of a box to itself go out, all on one line."""


@dataclass(frozen=True, slots=True)
class Run:
    """A net in one gutter."""

    trunk: int
    """Where it leaves towards its parent: y, from the picture's top."""
    left: tuple[int, ...]
    """Where it comes in from the left, all together."""
    right: tuple[int, ...]

    @property
    def low(self) -> int:
        return min(self.left + self.right)

    @property
    def high(self) -> int:
        return max(self.left + self.right)

    @property
    def straight(self) -> bool:
        return self.low == self.high

    def crossed(self, places: Iterable[int]) -> int:
        """How many lines at these heights its upright part would cross."""
        return sum(self.low < y < self.high for y in places)

    def beside(self, other: Run) -> bool:
        """Both can't use one track."""
        return self.low - 4 * _APART < other.high and other.low - 4 * _APART < self.high


@dataclass(frozen=True, slots=True)
class Gutter:
    runs: Mapping[Net, Run]
    tracks: Mapping[Net, int]
    """From its left edge."""
    width: int


def gutters(layers: Layers, top: Mapping[Item, int]) -> list[Gutter]:
    """Every gutter with its tracks, from the first on."""
    ends = {
        end: top[end.item] + end.offset
        for gutter in layers.spans
        for span in gutter
        for end in span.ends
    }
    _straighten(layers, top, ends)
    return [_gutter(spans, ends) for spans in layers.spans]


def routes(
    links: Iterable[Link],
    layers: Layers,
    gutters: Sequence[Gutter],
    begins: Sequence[int],
    edges: Mapping[str, tuple[int, int]],
    top: Mapping[Item, int],
) -> dict[Link, tuple[Point, ...]]:
    """Each link's corners. `begins`: each gutter's left edge; `edges`: each box's left and right."""
    layer = {item: index for index, items in enumerate(layers.order) for item in items}
    found: dict[Link, tuple[Point, ...]] = {}
    for link in links:
        if link.child == link.parent:
            found[link] = _loop(link, edges[link.child][1], top, gutters[layer[link.child]])
            continue
        net = layers.nets[link]
        here, home = layer[link.child], layer[link.parent]
        on_right = here <= home
        own, theirs = edges[link.child][on_right], edges[link.parent][not net.backwards]
        y = top[link.child] + link.at + (5 if on_right else 0)
        points = [(own, y)]
        for index in (
            range(here, max(home, here + 1)) if on_right else range(here - 1, home - 1, -1)
        ):
            x = begins[index] + gutters[index].tracks[net]
            points.append((x, y))
            y = gutters[index].runs[net].trunk
            points.append((x, y))
        found[link] = tuple(_corners([*points, (theirs, y)]))
    return found


def _straighten(layers: Layers, top: Mapping[Item, int], ends: dict[End, int]) -> None:
    """Moves ends of trunks a little where that takes a corner out and nothing else comes too near."""
    for index, gutter in enumerate(layers.spans):
        for span in gutter:
            if span.net.backwards:
                continue
            if isinstance(span.trunk.item, str):
                _raise_port(span, top, ends)
            y = ends[span.trunk]
            for end in span.right:
                inside = range(top[end.item] + _APART, top[end.item] + GRID - _APART + 1)
                near = [*gutter, *layers.spans[index + 1]] if isinstance(end.item, Lane) else []
                if near and y in inside and _clear(y, span.net, near, ends):
                    ends[end] = y


def _raise_port(span: Span, top: Mapping[Item, int], ends: dict[End, int]) -> None:
    """The trunk leaves its parent where a line can run straight to a child, near its usual place."""
    item = span.trunk.item
    others = [y for end, y in ends.items() if end.item == item and end != span.trunk]
    for _, y in sorted(
        (abs(ends[end] - ends[span.trunk]), ends[end])
        for end in span.right
        if isinstance(end.item, str)
    ):
        if y - top[item] in _HEAD and all(abs(y - other) >= 3 * _APART for other in others):
            ends[span.trunk] = y
            return


def _clear(y: int, net: Net, spans: Iterable[Span], ends: Mapping[End, int]) -> bool:
    """No other net comes in or goes out at this height."""
    return all(
        abs(ends[end] - y) >= _APART for span in spans if span.net != net for end in span.ends
    )


def _gutter(spans: Iterable[Span], ends: Mapping[End, int]) -> Gutter:
    runs = {
        span.net: Run(
            ends[span.trunk],
            tuple(ends[end] for end in span.side(right=False)),
            tuple(ends[end] for end in span.side(right=True)),
        )
        for span in spans
    }
    placed: dict[Net, int] = {}
    for net in _ordered(runs):
        near = [track for other, track in placed.items() if runs[net].beside(runs[other])]
        placed[net] = 1 + max(near, default=-1)
    tracks = {net: _SIDE + _TRACK * placed.get(net, 0) for net in runs}
    return Gutter(runs, tracks, max(tracks.values(), default=_SIDE) + _SIDE)


def _ordered(runs: Mapping[Net, Run]) -> list[Net]:
    """Nets with corners from the left, neighbours exchanged as long as that saves crossings."""
    order = [net for net, run in runs.items() if not run.straight]
    for _ in order:
        before = list(order)
        for place in range(len(order) - 1):
            a, b = order[place : place + 2]
            if _cost(runs[b], runs[a]) < _cost(runs[a], runs[b]):
                order[place : place + 2] = b, a
        if order == before:
            break
    return order


def _cost(left: Run, right: Run) -> int:
    """Crossings of two nets when the one has its track left of the other's."""
    return left.crossed(right.left) + right.crossed(left.right)


def _loop(link: Link, edge: int, top: Mapping[Item, int], gutter: Gutter) -> tuple[Point, ...]:
    """From a row around to where other children's links end, on the same box."""
    net = Net(link.parent, link.optional, backwards=False)
    run = gutter.runs.get(net)
    entry = run.trunk if run else top[link.child] + port(net)
    out, row = edge + _LOOP, top[link.child] + link.at
    return ((edge, row), (out, row), (out, entry), (edge, entry))


def _corners(points: Sequence[Point]) -> Iterator[Point]:
    """Without points that lie on the way from one to the next."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and any(
            kept[-2][axis] == kept[-1][axis] == point[axis] for axis in (0, 1)
        ):
            kept.pop()
        kept.append(point)
    return iter(kept)
