"""Which box stands in which layer, and in which order: parents to the left, few crossings. Pure.

The method is Sugiyama's: layers by the direction of the links, lanes for links that pass a layer,
an order within each layer by barycentres. All links to one parent share one line ("net"), so that
twenty children of a table make one trunk with twenty branches.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rfdata.migrations.drawing.ordering import uncrossed
from rfdata.migrations.drawing.shapes import (
    GAP,
    Box,
    End,
    Item,
    Lane,
    Layers,
    Link,
    Net,
    Span,
    heights,
)

_WIDTH = 540
"""What a layer takes with its gutter, about."""

_ASPECT = 1.5
"""Width to height, as a screen has it."""

_FEW = 5
"""So many layers are never too many."""


def arrange(boxes: Sequence[Box], links: Sequence[Link]) -> Layers:
    """Boxes in layers. The same input gives the same layers."""
    others = [link for link in links if link.child != link.parent]
    layer = _layers(boxes, others)
    nets = {
        link: Net(link.parent, link.optional, layer[link.child] < layer[link.parent])
        for link in others
    }
    spans = _spans(nets, layer)
    order: list[list[Item]] = [[] for _ in spans]
    for box in boxes:
        order[layer[box.key]].append(box.key)
    lanes = (end.item for gutter in spans for span in gutter for end in span.ends)
    for lane in dict.fromkeys(item for item in lanes if isinstance(item, Lane)):
        order[lane.layer].append(lane)
    height = heights(order, boxes)
    return Layers(_frozen(uncrossed(order, spans, height)), _frozen(spans), nets)


def _backwards(boxes: Iterable[Box], links: Iterable[Link]) -> frozenset[Link]:
    """Links that would close a cycle, found by going through them depth first."""
    outgoing: dict[str, list[Link]] = defaultdict(list)
    for link in links:
        outgoing[link.child].append(link)
    found: set[Link] = set()
    done: set[str] = set()
    for box in boxes:
        path: list[str] = []
        todo = [(box.key, False)]
        while todo:
            key, leaving = todo.pop()
            if leaving:
                path.pop()
                done.add(key)
            elif key not in done and key not in path:
                path.append(key)
                found.update(link for link in outgoing[key] if link.parent in path)
                todo.append((key, True))
                todo.extend((link.parent, False) for link in reversed(outgoing[key]))
    return frozenset(found)


def _layers(boxes: Sequence[Box], links: Sequence[Link]) -> dict[str, int]:
    """Each box to the right of its parents, as long as the picture does not get too long for that.

    Then children may stand in their parent's layer, and no layer gets much higher than it should.
    """
    backwards = _backwards(boxes, links)
    parents: dict[str, set[str]] = {box.key: set() for box in boxes}
    for link in links:
        left, right = link.parent, link.child
        if link in backwards:
            left, right = right, left
        parents[right].add(left)
    linked = {key for link in links for key in (link.child, link.parent)}
    depth = _depths(parents)
    total = sum(box.height + GAP for box in boxes)
    limit = max(math.sqrt(total * _WIDTH / _ASPECT), *(box.height for box in boxes), 0)
    stage = _stages(boxes, depth, limit)
    filled: dict[int, int] = defaultdict(int)
    found: dict[str, int] = {}
    for box in sorted(boxes, key=lambda box: (box.key not in linked, depth[box.key])):
        layer = max(stage[depth[box.key]], *(found[parent] for parent in parents[box.key]), 0)
        while filled[layer] and filled[layer] + box.height > limit:
            layer += 1
        found[box.key] = layer
        filled[layer] += box.height + GAP
    return found


def _stages(boxes: Iterable[Box], depth: Mapping[str, int], limit: float) -> list[int]:
    """The layer for each depth: when there are many, neighbours share one if they fit into it."""
    filled: dict[int, int] = defaultdict(int)
    for box in boxes:
        filled[depth[box.key]] += box.height + GAP
    if len(filled) <= _FEW:
        return list(range(len(filled)))
    stages: list[int] = []
    room = 0.0
    for index in range(len(filled)):
        fits = filled[index] <= room
        stages.append(stages[-1] + (not fits) if stages else 0)
        room = (room if fits else limit) - filled[index]
    return stages


def _depths(parents: Mapping[str, set[str]]) -> dict[str, int]:
    """The longest way from each box to one without parents; there are no cycles."""
    found: dict[str, int] = {}
    while len(found) < len(parents):
        for key, above in parents.items():
            if key not in found and above <= found.keys():
                found[key] = 1 + max((found[parent] for parent in above), default=-1)
    return found


def _spans(nets: Mapping[Link, Net], layer: Mapping[str, int]) -> list[list[Span]]:
    children: dict[Net, list[Link]] = defaultdict(list)
    for link, net in nets.items():
        children[net].append(link)
    gutters: list[list[Span]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for net, links in children.items():
        home = layer[net.parent]
        if net.backwards:
            far = min(layer[link.child] for link in links)
            for index in range(far, home):
                trunk = _trunk(net, index + 1, home)
                left = _branches(net, links, layer, index, far)
                gutters[index].append(Span(net, trunk, left, ()))
        else:
            far = max(layer[link.child] for link in links)
            for index in range(home, max(far, home + 1)):
                trunk = _trunk(net, index, home)
                left = _branches(net, links, layer, index, index) if index == home else ()
                right = _branches(net, links, layer, index + 1, far)
                gutters[index].append(Span(net, trunk, left, right))
    return gutters


def _trunk(net: Net, here: int, home: int) -> End:
    return End(net.parent, port(net)) if here == home else _lane(net, here)


def _branches(
    net: Net, links: Iterable[Link], layer: Mapping[str, int], here: int, far: int
) -> tuple[End, ...]:
    """A net's children in one layer, and where it goes on to those that are farther."""
    at = 5 if net.backwards or here == layer[net.parent] else 0
    children = [End(link.child, link.at + at) for link in links if layer[link.child] == here]
    farther = far < here if net.backwards else here < far
    return (*children, *((_lane(net, here),) if farther else ()))


def _lane(net: Net, here: int) -> End:
    return End(Lane(net, here), 8 + 8 * (here % 2))


def port(net: Net) -> int:
    """Where a net enters its parent, from the top.

    Ends to the left of a gutter and ends to the right of it lie at different places between the
    grid's lines, here and for branches and lanes: then no two lines can run into each other.
    """
    if net.backwards:
        return 26 if net.optional else 14
    return 24 if net.optional else 12


def _frozen(lists: Iterable[Iterable[Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, lists))
