"""Where each box of a layered picture stands, and how each link runs between the boxes. Pure.

Links run in gutters between the layers, along lanes past a layer, and straight from their row into
the gutter beside it: never through a box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from rfdata.migrations.drawing import routing
from rfdata.migrations.drawing.layering import arrange
from rfdata.migrations.drawing.ordering import tops
from rfdata.migrations.drawing.routing import Point
from rfdata.migrations.drawing.shapes import GRID, Box, Item, Layers, Link, Span, gap, heights

STRIP = 34
"""Kept free to the right of each box, for links' ends and for links of a box to itself."""

_SWEEPS = 18
_SLACK = 1.1
"""How much higher than its tallest layer a picture may get so that links run straight."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Placed:
    width: int
    height: int
    boxes: Mapping[str, Rectangle]
    routes: Mapping[Link, tuple[Point, ...]]
    """From the child's edge to the parent's. Only corners, so each two differ in x or in y."""


def place(boxes: Sequence[Box], links: Sequence[Link]) -> Placed:
    """The whole picture; the same input gives the same picture."""
    layers = arrange(boxes, links)
    size = {box.key: box for box in boxes}
    height = heights(layers.order, boxes)
    top = _snapped(layers, height, _settled(layers, height))
    gutters = routing.gutters(layers, top)
    standing = [[size[item] for item in layer if isinstance(item, str)] for layer in layers.order]
    margins = [max(box.margin for box in layer) for layer in standing]
    widths = [max(box.width for box in layer) for layer in standing]
    breadths = [gutter.width for gutter in gutters]
    zones = [margin + width + STRIP for margin, width in zip(margins, widths, strict=True)]
    starts = list(accumulate((a + b for a, b in zip(zones, breadths, strict=True)), initial=0))
    found = {
        box.key: Rectangle(start + margin, top[box.key], width, box.height)
        for layer, start, margin, width in zip(standing, starts, margins, widths, strict=False)
        for box in layer
    }
    begins = [start + zone for start, zone in zip(starts, zones, strict=False)]
    edges = {key: (box.x, box.x + box.width) for key, box in found.items()}
    routes = routing.routes(links, layers, gutters, begins, edges, top)
    return Placed(
        width=starts[-1],
        height=max((y + height[item] for item, y in top.items()), default=0),
        boxes=found,
        routes=routes,
    )


def _settled(layers: Layers, height: Mapping[Item, int]) -> dict[Item, float]:
    """Every item as near to its neighbours as the order in its layer allows.

    To and fro with the neighbours of one side, then a while with those of both.
    """
    top: dict[Item, float] = dict(tops(layers.order, height))
    frame = _SLACK * max((_stacked(layer, height)[-1] for layer in layers.order), default=0)
    for sweep in range(_SWEEPS):
        both = sweep >= _SWEEPS // 2
        rightwards = sweep % 2 == 0
        indices = range(len(layers.order))
        for index in indices if rightwards else reversed(indices):
            wanted: dict[Item, list[float]] = {item: [] for item in layers.order[index]}
            if index > 0 and (rightwards or both):
                _wish(layers.spans[index - 1], True, top, wanted)
            if both or not rightwards:
                _wish(layers.spans[index], False, top, wanted)
            top |= _spaced(layers.order[index], wanted, top, height, frame)
    return top


def _wish(
    gutter: Sequence[Span],
    right: bool,
    top: Mapping[Item, float],
    wanted: Mapping[Item, list[float]],
) -> None:
    """Adds where each item on that side of the gutter would stand if only those opposite counted."""
    for span in gutter:
        for end in span.side(right=right):
            if theirs := [top[one.item] + one.offset for one in span.across(end)]:
                wanted[end.item].append(sum(theirs) / len(theirs) - end.offset)


def _spaced(
    layer: Sequence[Item],
    wanted: Mapping[Item, Sequence[float]],
    top: Mapping[Item, float],
    height: Mapping[Item, int],
    frame: float,
) -> dict[Item, float]:
    """As near to what is wanted as order, gaps and the frame allow, by least squares.

    With what lies above it taken away, each item must only not be above the one before it: pool
    adjacent violators. The frame keeps a chain of many layers from becoming a staircase.
    """
    *offsets, whole = _stacked(layer, height)
    pools: list[tuple[float, float, int]] = []  # mean, weight, items
    for item, offset in zip(layer, offsets, strict=True):
        places = wanted[item]
        weight = float(len(places)) or 0.01
        mean = (sum(places) / len(places) if places else top[item]) - offset
        pools.append((mean, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, x, n), (b, y, m) = pools.pop(-2), pools.pop()
            pools.append(((a * x + b * y) / (x + y), x + y, n + m))
    means = [mean for mean, _, count in pools for _ in range(count)]
    lowest, highest = frame / 2 - whole, -frame / 2
    return {
        item: max(highest, min(mean, lowest)) + offset
        for item, mean, offset in zip(layer, means, offsets, strict=True)
    }


def _stacked(layer: Sequence[Item], height: Mapping[Item, int]) -> list[int]:
    """Where each item begins, and the last ends, when they stand as close as they may."""
    steps = (height[above] + gap(above, item) for above, item in pairwise(layer))
    starts = list(accumulate(steps, initial=0))
    return [*starts, starts[-1] + height[layer[-1]]]


def _snapped(
    layers: Layers, height: Mapping[Item, int], top: Mapping[Item, float]
) -> dict[Item, int]:
    """On the grid, the highest item at zero."""
    found: dict[Item, int] = {}
    for layer in layers.order:
        lowest: int | None = None
        above: Item | None = None
        for item in layer:
            y = round(top[item] / GRID) * GRID
            if lowest is not None and above is not None:
                y = max(y, lowest + gap(above, item))
            found[item] = y
            lowest, above = y + height[item], item
    highest = min(found.values(), default=0)
    return {item: y - highest for item, y in found.items()}
