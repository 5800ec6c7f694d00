"""Entity diagrams of real schemas: complete, well-formed, nothing in anything's way."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations, pairwise
from xml.etree import ElementTree

import pytest
from tests.migrations.conftest import Scratch, scratch
from tests.migrations.drawing.test_placing import overlap, through
from tests.migrations.shops import ODD, SHOP
from tests.postgres.conftest import Cluster

from rfdata.migrations import diagram, inventory
from rfdata.migrations.drawing import figure
from rfdata.migrations.drawing.figure import Drawing
from rfdata.migrations.structure import Inventory, Namespace

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def shop(pristine: Cluster) -> Iterator[Inventory]:
    with scratch(pristine) as made:
        made.run(SHOP)
        with made.superuser() as session:
            yield inventory.read(session)


@pytest.fixture(scope="module")
def shipped(pristine: Cluster, schema_template: Scratch) -> Iterator[Inventory]:
    with scratch(pristine, schema_template.name) as made, made.superuser() as session:
        yield inventory.read(session)


@pytest.fixture(params=["shop", "shipped"])
def found(request: pytest.FixtureRequest) -> Inventory:
    value = request.getfixturevalue(request.param)
    assert isinstance(value, Inventory)
    return value


def drawings(found: Inventory) -> Iterator[Drawing]:
    yield diagram.overview_drawn(found)
    yield from map(diagram.drawn, found.namespaces)


def named(found: Inventory, name: str) -> Namespace:
    (one,) = (each for each in found.namespaces if each.name == name)
    return one


def texts(svg: str) -> list[str]:
    """Everything that is shown."""
    return ["".join(one.itertext()) for one in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def tooltips(svg: str) -> str:
    root = ElementTree.fromstring(svg)
    return "\n".join("".join(one.itertext()) for one in root.iter(f"{SVG}title"))


def test_every_table_and_every_column_is_there(found: Inventory) -> None:
    for namespace in found.namespaces:
        shown = texts(diagram.entities(namespace))
        for table in (table for table in namespace.tables if not table.query):
            assert figure.shown_name(table.name) in shown
            for column in table.columns:
                assert figure.shown_name(column.name) in shown
                assert figure.shown_type(column.type) in shown


def test_every_foreign_key_is_there_twice(found: Inventory) -> None:
    """In its schema's diagram, and, where it leads to another schema, in the overview."""
    overview = tooltips(diagram.overview(found))
    for namespace in found.namespaces:
        own = tooltips(diagram.entities(namespace))
        drawn = diagram.drawn(namespace)
        keys = [(table, key) for table in namespace.tables for key in table.foreign_keys]
        stubs = sum(len(stub.references) for stub in drawn.stubs)
        assert len(drawn.links) + stubs == len(keys)
        for table, key in keys:
            ours, theirs = ", ".join(key.columns), ", ".join(key.referenced)
            said = f"{table.qualified} ({ours}) → {key.schema}.{key.table} ({theirs})"
            assert said in own
            assert key.schema == namespace.name or said in overview


def test_the_overview_has_every_schema_and_table(found: Inventory) -> None:
    shown = texts(diagram.overview(found))
    for namespace in found.namespaces:
        assert namespace.name in shown
        assert {figure.shown_name(table.name) for table in namespace.tables} <= set(shown)


def test_no_box_overlaps_another_and_no_line_runs_through_one(found: Inventory) -> None:
    for drawing in drawings(found):
        boxes = drawing.placed.boxes
        every = [*boxes.values(), *(stub.place for stub in drawing.stubs)]
        assert not any(overlap(a, b) for a, b in combinations(every, 2))
        stubs = (
            ((stub.place.x + stub.place.width, stub.y), (stub.reach, stub.y))
            for stub in drawing.stubs
        )
        routes = (pairwise(drawing.placed.routes[link]) for _, link in drawing.links)
        for segment in chain(stubs, chain.from_iterable(routes)):
            assert not any(through(segment, place) for place in every), segment


def test_everything_lies_within_the_picture(found: Inventory) -> None:
    for drawing in drawings(found):
        placed = drawing.placed
        for place in (*placed.boxes.values(), *(stub.place for stub in drawing.stubs)):
            assert 0 <= place.x <= placed.width - place.width
            assert 0 <= place.y <= placed.height - place.height


def test_names_and_types_have_room(found: Inventory) -> None:
    for drawing in drawings(found):
        for entity in drawing.entities:
            room = drawing.placed.boxes[entity.key].width
            for row in entity.rows:
                name = figure.wide(figure.shown_name(row.name)) * figure.NAME
                type = figure.wide(figure.shown_type(row.type)) * figure.TYPE
                assert figure.NAME_AT + name + 10 + type + 10 <= room


def test_a_picture_stands_alone_and_is_for_light_and_dark(found: Inventory) -> None:
    for svg in (diagram.overview(found), *map(diagram.entities, found.namespaces)):
        root = ElementTree.fromstring(svg)
        assert root.get("role") == "img"
        described = {one.get("id") for one in root if one.tag in (f"{SVG}title", f"{SVG}desc")}
        assert set((root.get("aria-labelledby") or "").split()) == described
        assert "@media (prefers-color-scheme: dark)" in svg
        used = {one.tag.removeprefix(SVG) for one in root.iter()}
        assert used <= {"svg", "title", "desc", "style", "g", "path", "rect", "circle", "text"}
        assert not any(
            name.startswith("on") or "href" in name for e in root.iter() for name in e.attrib
        )
        assert "url(" not in svg
        assert "@import" not in svg


def test_odd_names_are_shown_as_they_are(shop: Inventory) -> None:
    svg = diagram.entities(named(shop, "Shop"))
    shown = texts(svg)
    assert ODD in shown
    assert "→ a column with a name that is as l…" in shown
    assert "→ a column with a name that is as long as PostgreSQL allows" in tooltips(svg)
    assert "<script>alert(1)</script>" in tooltips(svg)


def test_tables_of_other_schemas_are_stubs(shop: Inventory) -> None:
    (stub,) = diagram.drawn(named(shop, "Shop")).stubs
    assert stub.label == "shop.customers"
    (reference,) = stub.references
    assert (reference.optional, reference.single) == (False, False)


def test_marks(shop: Inventory) -> None:
    drawing = diagram.drawn(named(shop, "shop"))
    rows = {
        (entity.title, row.name): (row.marks, row.optional)
        for entity in drawing.entities
        for row in entity.rows
    }
    assert rows["customers", "id"] == (("PK",), False)
    assert rows["customers", "referred_by"] == (("FK",), True)
    assert rows["customers", "name"] == ((), False)
    assert rows["addresses", "customer_id"] == (("PK", "FK"), False)
    ends = {
        reference.child: (reference.optional, reference.single) for reference, _ in drawing.links
    }
    assert ends == {
        "shop.customers": (True, False),
        "shop.addresses": (False, True),
        "shop.sales": (True, False),
    }
    notes = {entity.title: entity.note for entity in drawing.entities}
    assert (notes["sales"], notes["customers"]) == ("by month", "RLS")


def test_a_key_of_several_columns_begins_at_its_own(shipped: Inventory) -> None:
    """Not at organization_id, which most keys of a table share."""
    drawing = diagram.drawn(named(shipped, "research"))
    entities = {entity.key: entity for entity in drawing.entities}
    composite = {
        f"{table.qualified} {key.name}"
        for table in named(shipped, "research").tables
        for key in table.foreign_keys
        if len(key.columns) > 1
    }
    begin = [
        entities[one.child].rows[one.row].name for one, _ in drawing.links if one.name in composite
    ]
    assert begin
    assert "organization_id" not in begin


def test_nothing_to_draw() -> None:
    empty = diagram.overview(Inventory((), (), ()))
    assert any(text.startswith("0 schemas, 0 tables;") for text in texts(empty))
    assert "0 tables" in texts(diagram.entities(Namespace("attic", "", {})))
