"""In which order boxes and lanes stand within their layer, so that few links cross. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from rfdata.migrations.drawing.shapes import Item, Span, gap

_SWEEPS = 16


def uncrossed(
    order: list[list[Item]], spans: Sequence[Sequence[Span]], height: Mapping[Item, int]
) -> list[list[Item]]:
    """Sweeps to and fro, each layer by the barycentres of its neighbours; the best of all counts."""
    best, fewest = order, _crossings(order, spans, height)
    for sweep in range(_SWEEPS if fewest else 0):
        rightwards = sweep % 2 == 0
        order = [list(layer) for layer in order]
        indices = range(1, len(order)) if rightwards else range(len(order) - 2, -1, -1)
        for index in indices:
            gutter = spans[index - 1] if rightwards else spans[index]
            centres = _barycentres(gutter, rightwards, tops(order, height))
            order[index] = _sorted(order[index], centres, tops(order, height))
        order = _swapped(order, spans, height)
        count = _crossings(order, spans, height)
        if count < fewest:
            best, fewest = order, count
    return best


def tops(order: Iterable[Iterable[Item]], height: Mapping[Item, int]) -> dict[Item, int]:
    """Where each item begins when every layer is stacked without slack, around one middle line."""
    found: dict[Item, int] = {}
    for layer in order:
        y, above = 0, None
        inside: dict[Item, int] = {}
        for item in layer:
            y += gap(above, item) if above is not None else 0
            inside[item] = y
            y, above = y + height[item], item
        found |= {item: top - y // 2 for item, top in inside.items()}
    return found


def _barycentres(
    gutter: Iterable[Span], rightwards: bool, top: Mapping[Item, int]
) -> dict[Item, float]:
    """The mean of where an item's neighbours are, less where on the item the link ends."""
    wanted: dict[Item, list[float]] = defaultdict(list)
    for span in gutter:
        for end in span.side(right=rightwards):
            if theirs := span.neighbours(end):
                middle = sum(top[other.item] + other.offset for other in theirs) / len(theirs)
                wanted[end.item].append(middle - end.offset)
    return {item: sum(places) / len(places) for item, places in wanted.items()}


def _sorted(
    layer: Iterable[Item], centres: Mapping[Item, float], top: Mapping[Item, int]
) -> list[Item]:
    """Items without neighbours there keep about their place."""
    return sorted(layer, key=lambda item: centres.get(item, top[item]))


def _swapped(
    order: list[list[Item]], spans: Sequence[Sequence[Span]], height: Mapping[Item, int]
) -> list[list[Item]]:
    """Neighbours change places wherever that saves crossings."""
    for index, layer in enumerate(order):
        near = spans[max(index - 1, 0) : index + 1]
        fewest = _crossings(order, near, height)
        for place in range(len(layer) - 1):
            layer[place : place + 2] = reversed(layer[place : place + 2])
            count = _crossings(order, near, height)
            if count < fewest:
                fewest = count
            else:
                layer[place : place + 2] = reversed(layer[place : place + 2])
    return order


def _crossings(
    order: Iterable[Iterable[Item]], spans: Iterable[Iterable[Span]], height: Mapping[Item, int]
) -> int:
    top = tops(order, height)
    count = 0
    for gutter in spans:
        lines = [
            (top[left.item] + left.offset, top[right.item] + right.offset, span.net)
            for span in gutter
            for left in span.side(right=False)
            for right in span.side(right=True)
        ]
        count += sum(
            (a[0] - b[0]) * (a[1] - b[1]) < 0 for a, b in combinations(lines, 2) if a[2] != b[2]
        )
    return count
