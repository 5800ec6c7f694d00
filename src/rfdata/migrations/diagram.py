"""Entity diagrams in crow's foot notation: one for each schema, and one of all schemas. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rfdata.migrations.drawing import svg
from rfdata.migrations.drawing.figure import Drawing, Entity, Reference, Row, draw
from rfdata.migrations.markdown import count
from rfdata.migrations.structure import Column, ForeignKey, Inventory, Namespace, Table

_LEGEND = (
    "pk primary key",
    "fk foreign key",
    "null may be null",
    "one exactly one",
    "single zero or one",
    "many zero or many",
    "stub in another schema",
    "rls row-level security",
)


def entities(namespace: Namespace) -> str:
    """One schema: its tables with all columns, and those of other schemas that they lead to."""
    tables = [table for table in namespace.tables if not table.query]
    said = _summary(namespace.tables)
    about = "; ".join(_keys(tables)) or "No foreign keys."
    title = f"{namespace.name}: tables and foreign keys"
    return svg.render(drawn(namespace), title, said, f"{said}. {about}", _LEGEND)


def drawn(namespace: Namespace) -> Drawing:
    """The same before it is drawn."""
    tables = [table for table in namespace.tables if not table.query]
    here = {table.qualified for table in tables}
    references = [one for table in tables for one in _references(table, here)]
    return draw([_entity(table) for table in tables], references)


def overview(inventory: Inventory) -> str:
    """All schemas: each with its tables, and how many foreign keys lead to which other."""
    schemas = count(len(inventory.namespaces), "schema")
    said = f"{schemas}, {_summary(inventory.tables)}; → foreign keys to another schema"
    about = "; ".join(_keys(inventory.tables)) or "No foreign keys."
    return svg.render(overview_drawn(inventory), "All schemas", said, f"{said}. {about}", ())


def overview_drawn(inventory: Inventory) -> Drawing:
    boxes, references = [], []
    for namespace in inventory.namespaces:
        tables = [Row((), t.name, _shape(t), False, _about(t)) for t in namespace.tables]
        leading: dict[str, list[str]] = {}
        for table in namespace.tables:
            for key in table.foreign_keys:
                if key.schema != namespace.name:
                    leading.setdefault(key.schema, []).append(_key(table, key))
        for target, keys in sorted(leading.items()):
            row, tooltip = len(tables), "\n".join(keys)
            tables.append(Row(("FK",), f"→ {target}", count(len(keys), "key"), False, tooltip))
            known = any(target == other.name for other in inventory.namespaces)
            name = f"{namespace.name} {target}"
            references.append(
                Reference(name, namespace.name, row, target, not known, False, False, tooltip)
            )
        boxes.append(
            Entity(
                namespace.name,
                namespace.name,
                _summary(namespace.tables),
                tuple(tables),
                namespace.comment,
            )
        )
    return draw(boxes, references)


def _summary(tables: Sequence[Table]) -> str:
    views = sum(bool(table.query) for table in tables)
    return count(len(tables) - views, "table") + (f", {count(views, 'view')}" if views else "")


def _shape(table: Table) -> str:
    return "view" if table.query else count(len(table.columns), "column")


def _entity(table: Table) -> Entity:
    keys = {column for key in table.foreign_keys for column in key.columns}
    rows = [
        Row(
            marks=(
                *(("PK",) if column.name in table.primary_key else ()),
                *(("FK",) if column.name in keys else ()),
            ),
            name=column.name,
            type=column.type,
            optional=not column.not_null,
            tooltip=_column(column),
        )
        for column in table.columns
    ]
    return Entity(table.qualified, table.name, _note(table), tuple(rows), _about(table))


def _note(table: Table) -> str:
    notes = []
    if table.partitions:
        notes.append(f"by {table.partitions.by}" if table.partitions.by else "partitioned")
    if table.row_security:
        notes.append("RLS")
    return " · ".join(notes)


def _about(table: Table) -> str:
    return f"{table.qualified}\n{table.comment}".strip()


def _column(column: Column) -> str:
    null = "not null" if column.not_null else "may be null"
    default = f", default {column.default}" if column.default else ""
    return f"{column.name} {column.type}, {null}{default}\n{column.comment}".strip()


def _references(table: Table, here: set[str]) -> list[Reference]:
    rows = _rows(table)
    return [
        Reference(
            name=f"{table.qualified} {key.name}",
            child=table.qualified,
            row=rows[key.name],
            parent=f"{key.schema}.{key.table}",
            elsewhere=f"{key.schema}.{key.table}" not in here,
            optional=table.optional(key),
            single=table.one_to_one(key),
            tooltip=_key(table, key),
        )
        for key in table.foreign_keys
    ]


def _rows(table: Table) -> dict[str, int]:
    """At which column each foreign key begins: one of its own, where it has one.

    A key (organization_id, project_id) begins at project_id, as organization_id belongs to others.
    """
    numbers = {column.name: index for index, column in enumerate(table.columns)}
    shared = Counter(column for key in table.foreign_keys for column in key.columns)
    taken: Counter[str] = Counter()
    found = {}
    for key in sorted(table.foreign_keys, key=lambda key: len(key.columns)):
        column = min(key.columns, key=lambda name: (taken[name], shared[name], -numbers[name]))
        taken[column] += 1
        found[key.name] = numbers[column]
    return found


def _keys(tables: Sequence[Table]) -> list[str]:
    return [_key(table, key) for table in tables for key in table.foreign_keys]


def _key(table: Table, key: ForeignKey) -> str:
    ours, theirs = ", ".join(key.columns), ", ".join(key.referenced)
    return f"{table.qualified} ({ours}) → {key.schema}.{key.table} ({theirs})"
