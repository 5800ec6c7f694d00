"""What a picture is made of before it has places: boxes, links, and the nets that links share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

GRID = 20
"""Pixels: boxes stand on its lines, and a box's rows have its height."""

GAP = 2 * GRID
"""Between two boxes of a layer."""


@dataclass(frozen=True, slots=True)
class Box:
    key: str
    width: int
    height: int
    """A multiple of GRID."""
    margin: int
    """Kept free to the left of it."""


@dataclass(frozen=True, slots=True)
class Link:
    """From a row of a child to its parent."""

    name: str
    child: str
    parent: str
    at: int
    """The row's middle, from the top of the child's box."""
    optional: bool


@dataclass(frozen=True, slots=True)
class Net:
    """All links of one kind to one parent."""

    parent: str
    optional: bool
    backwards: bool
    """The children stand to the left of their parent: that breaks a cycle."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Where a net passes through a layer, between the boxes."""

    net: Net
    layer: int


Item = str | Lane


@dataclass(frozen=True, slots=True)
class End:
    item: Item
    offset: int
    """From the item's top."""


@dataclass(frozen=True, slots=True)
class Span:
    """A net's part between a layer and the next."""

    net: Net
    trunk: End
    """Towards the parent: on the left, and on the right where the net runs backwards."""
    left: tuple[End, ...]
    right: tuple[End, ...]
    """Both without the trunk. Children of the parent's own layer are on the trunk's side."""

    @property
    def ends(self) -> tuple[End, ...]:
        return (self.trunk, *self.left, *self.right)

    def side(self, *, right: bool) -> tuple[End, ...]:
        """All ends on that side."""
        trunk = (self.trunk,) if right == self.net.backwards else ()
        return (*trunk, *(self.right if right else self.left))

    def across(self, end: End) -> tuple[End, ...]:
        """Those that it leads to on the gutter's other side."""
        opposite = self.left if self.net.backwards else self.right
        return opposite if end == self.trunk else (self.trunk,) if end in opposite else ()

    def neighbours(self, end: End) -> tuple[End, ...]:
        return (*self.left, *self.right) if end == self.trunk else (self.trunk,)


@dataclass(frozen=True, slots=True)
class Layers:
    order: tuple[tuple[Item, ...], ...]
    """Each layer from the top."""
    spans: tuple[tuple[Span, ...], ...]
    """One group for each gutter, which lies to the right of its layer."""
    nets: Mapping[Link, Net]
    """Without links of a box to itself."""


def heights(order: Iterable[Iterable[Item]], boxes: Iterable[Box]) -> dict[Item, int]:
    """Lanes are as high as a row."""
    known = {box.key: box.height for box in boxes}
    items = (item for layer in order for item in layer)
    return {item: GRID if isinstance(item, Lane) else known[item] for item in items}


def gap(above: Item, below: Item) -> int:
    """Lanes need no more room than their own."""
    return 0 if isinstance(above, Lane) or isinstance(below, Lane) else GAP
