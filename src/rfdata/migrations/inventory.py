"""What the live catalogue says of the schema: a brief form for checks, the whole for documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rfdata.errors import NotPermitted, Unreachable
from rfdata.migrations import parts, queries
from rfdata.migrations.structure import Inventory, Namespace, Role, Size, Table
from rfdata.model.migrations import Relation, Schema
from rfdata.postgres.client import explained

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    Session = Connection[TupleRow]


def schema(session: Session) -> Schema:
    """What the checks ask of the schema. Raises Unreachable, or NotPermitted."""
    with _reading(session):
        relations = [_relation(row) for row in _rows(session, "schema")]
        indexes = _rows(session, "schema_indexes")
        functions = frozenset(row[0] for row in _rows(session, "schema_functions"))
    return Schema(
        relations={f"{found.schema}.{found.name}": found for found in relations},
        functions=functions,
        vector_indexes=tuple(f"{name} ({how})" for name, valid, how in indexes if valid),
        invalid_indexes=tuple(name for name, valid, _ in indexes if not valid),
    )


def read(session: Session) -> Inventory:
    """Everything, without the ledger's schema and what extensions made. Raises like `schema`."""
    with _reading(session):
        named = _rows(session, "namespaces")
        there = {"namespaces": [row[0] for row in named]}
        tables = _tables(session, {row[0]: row[1] for row in named})
        functions = parts.of(_rows(session, "functions", there), parts.function)
        types = parts.of(_rows(session, "types", there), parts.kind)
        roles = _rows(session, "roles")
        extensions = tuple(row[0] for row in _rows(session, "extensions"))
    namespaces = tuple(
        Namespace(
            name=name,
            comment=comment,
            grants=parts.grants(granted),
            tables=tuple(tables.get(oid, ())),
            functions=tuple(functions.get(oid, ())),
            types=tuple(types.get(oid, ())),
        )
        for oid, name, comment, granted in named
    )
    kept = tuple(one for one in namespaces if one.name != "public" or _holds_anything(one))
    return Inventory(kept, _roles(roles, kept), extensions)


def _tables(session: Session, namespaces: Mapping[int, str]) -> Mapping[int, list[Table]]:
    rows = _rows(session, "tables", {"namespaces": list(namespaces)})
    there = {"tables": [row[0] for row in rows]}
    columns = parts.of(_rows(session, "columns", there), parts.column)
    constraints = parts.of(_rows(session, "constraints", there), parts.constraint)
    indexes = parts.of(_rows(session, "indexes", there), parts.index)
    policies = parts.of(_rows(session, "policies", there), parts.policy)
    triggers = parts.of(_rows(session, "triggers", there), parts.trigger)
    bounds = parts.of(_rows(session, "partitions"), str)
    sizes = {row[0]: row[1:] for row in _rows(session, "sizes", there)}
    found: dict[int, list[Table]] = defaultdict(list)
    for oid, namespace, name, kind, comment, query, security, key, granted in rows:
        estimate, *bytes_used = sizes.get(oid, (None, 0, 0, 0, 0))
        made = constraints.get(oid, [])
        found[namespace].append(
            Table(
                schema=namespaces[namespace],
                name=name,
                kind=kind,
                comment=comment,
                query=query,
                row_security=security,
                partitions=parts.partitions(key, bounds.get(oid, [])) if key else None,
                rows=estimate,
                size=Size(*bytes_used),
                columns=tuple(columns.get(oid, ())),
                keys=parts.keys(made),
                foreign_keys=parts.foreign_keys(made),
                checks=parts.checks(made),
                indexes=tuple(indexes.get(oid, ())),
                policies=tuple(policies.get(oid, ())),
                triggers=tuple(triggers.get(oid, ())),
                grants=parts.grants(granted),
            )
        )
    return found


def _roles(rows: Iterable[TupleRow], namespaces: Iterable[Namespace]) -> tuple[Role, ...]:
    """Those to whom anything is granted."""
    named = {role for namespace in namespaces for role in _grantees(namespace)}
    everybody = ("PUBLIC", "Everybody.", ())
    return tuple(
        Role(name, comment, tuple(members))
        for name, comment, members in (*rows, everybody)
        if name in named
    )


def _grantees(namespace: Namespace) -> Iterator[str]:
    yield from namespace.grants
    for table in namespace.tables:
        yield from table.grants
        for column in table.columns:
            yield from column.grants
    for function in namespace.functions:
        yield from function.grants


def _holds_anything(namespace: Namespace) -> bool:
    return bool(namespace.tables or namespace.functions or namespace.types)


def _relation(row: TupleRow) -> Relation:
    schema, name, kind, row_security, columns, privileges, unindexed, uncommented, commented = row
    return Relation(
        schema=schema,
        name=name,
        kind=kind,
        row_security=row_security,
        columns=columns,
        privileges={role: frozenset(held) for role, held in privileges.items()},
        unindexed_foreign_keys=tuple(unindexed),
        uncommented=(*(() if commented else ("",)), *uncommented),
    )


@contextmanager
def _reading(session: Session) -> Iterator[None]:
    """One transaction in which the catalogue prints as we want it."""
    import psycopg

    try:
        with session.transaction():
            _rows(session, "printing")
            yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise NotPermitted(f"the catalogue: {explained(error)}") from error
    except psycopg.Error as error:
        raise Unreachable(f"the catalogue: {explained(error)}") from error


def _rows(
    session: Session, name: str, parameters: Mapping[str, object] | None = None
) -> list[TupleRow]:
    return session.execute(queries.query(f"inventory_{name}"), parameters).fetchall()
