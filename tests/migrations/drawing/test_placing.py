"""Pictures of any boxes and links: nothing overlaps, nothing runs through a box."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from rfdata.migrations.drawing.placing import Placed, Rectangle, place
from rfdata.migrations.drawing.shapes import Box, Link

Segment = tuple[tuple[int, int], tuple[int, int]]


def box(number: int, rows: int = 3, width: int = 200, margin: int = 30) -> Box:
    return Box(f"b{number}", width, 40 + 20 * rows, margin)


def link(number: int, child: int, parent: int, row: int = 0, optional: bool = False) -> Link:
    return Link(f"l{number}", f"b{child}", f"b{parent}", 40 + 20 * row, optional)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[list[Box], list[Link]]:
    """Up to fourteen boxes; each row leads to at most one of them, also to the box itself."""
    count = draw(st.integers(1, 14))
    heights = [draw(st.integers(1, 9)) for _ in range(count)]
    boxes = [
        box(number, rows, draw(st.sampled_from((200, 310))), draw(st.sampled_from((30, 180))))
        for number, rows in enumerate(heights)
    ]
    rows = [(child, row) for child, rows in enumerate(heights) for row in range(rows)]
    chosen = draw(st.lists(st.sampled_from(rows), unique=True, max_size=20))
    links = [
        link(number, child, draw(st.integers(0, count - 1)), row, draw(st.booleans()))
        for number, (child, row) in enumerate(chosen)
    ]
    return boxes, links


def overlap(a: Rectangle, b: Rectangle) -> bool:
    across = a.x < b.x + b.width and b.x < a.x + a.width
    return across and a.y < b.y + b.height and b.y < a.y + a.height


def through(segment: Segment, place: Rectangle) -> bool:
    """Touching an edge is no running through."""
    (x, y), (u, v) = segment
    inside_across = min(x, u) < place.x + place.width and max(x, u) > place.x
    return inside_across and min(y, v) < place.y + place.height and max(y, v) > place.y


def on_one_line(a: Segment, b: Segment) -> bool:
    """They share more than a point."""
    for axis in (0, 1):
        other = 1 - axis
        if a[0][axis] == a[1][axis] == b[0][axis] == b[1][axis]:
            low = max(min(a[0][other], a[1][other]), min(b[0][other], b[1][other]))
            high = min(max(a[0][other], a[1][other]), max(b[0][other], b[1][other]))
            return low < high
    return False


def segments(placed: Placed, link: Link) -> list[Segment]:
    return list(pairwise(placed.routes[link]))


@given(pictures())
@settings(max_examples=60, deadline=None)
def test_nothing_is_in_anything_elses_way(picture: tuple[list[Box], list[Link]]) -> None:
    boxes, links = picture
    placed = place(boxes, links)
    assert placed.boxes.keys() == {box.key for box in boxes}
    assert placed.routes.keys() == set(links)
    for a, b in combinations(placed.boxes.values(), 2):
        assert not overlap(a, b)
    for link in links:
        for segment in segments(placed, link):
            (x, y), (u, v) = segment
            assert (x == u) != (y == v), "neither level nor upright"
            assert not any(through(segment, place) for place in placed.boxes.values())
            assert min(x, u) >= 0
            assert max(x, u) <= placed.width
            assert min(y, v) >= 0
            assert max(y, v) <= placed.height


@given(pictures())
@settings(max_examples=60, deadline=None)
def test_links_begin_at_their_row_and_end_at_their_parent(
    picture: tuple[list[Box], list[Link]],
) -> None:
    boxes, links = picture
    placed = place(boxes, links)
    for link in links:
        child, parent = placed.boxes[link.child], placed.boxes[link.parent]
        (x, y), (u, v) = placed.routes[link][0], placed.routes[link][-1]
        assert x in (child.x, child.x + child.width)
        assert abs(y - child.y - link.at) <= 5
        assert u in (parent.x, parent.x + parent.width)
        assert 0 < v - parent.y < parent.height


@given(pictures())
@settings(max_examples=60, deadline=None)
def test_lines_to_different_parents_never_run_into_each_other(
    picture: tuple[list[Box], list[Link]],
) -> None:
    boxes, links = picture
    placed = place(boxes, links)
    for a, b in combinations(links, 2):
        if a.parent != b.parent:
            for one in segments(placed, a):
                assert not any(on_one_line(one, other) for other in segments(placed, b))


def test_parents_stand_to_the_left_of_their_children() -> None:
    boxes = [box(number) for number in range(4)]
    links = [link(0, 1, 0), link(1, 2, 1), link(2, 3, 0)]
    placed = place(boxes, links)
    for one in links:
        assert placed.boxes[one.parent].x < placed.boxes[one.child].x


def test_a_long_chain_is_folded_so_that_it_stays_a_picture() -> None:
    boxes = [box(number, rows=10) for number in range(60)]
    placed = place(boxes, [link(number, number + 1, number) for number in range(59)])
    assert 1 / 3 < placed.width / placed.height < 3


def test_the_same_picture_comes_out_each_time() -> None:
    boxes = [box(number) for number in range(6)]
    links = [link(number, number, (number + 1) % 6) for number in range(6)]
    assert place(boxes, links) == place(boxes, links)


def test_nothing_to_draw() -> None:
    assert place([], []) == Placed(0, 0, {}, {})


def test_a_link_to_the_box_itself_goes_around_beside_a_straight_one() -> None:
    boxes = [box(number, rows=1 + 2 * (number == 4)) for number in range(5)]
    links = [link(0, 4, 0, row=2), link(1, 0, 0)]
    placed = place(boxes, links)
    assert [len(placed.routes[one]) for one in links] == [4, 4]
