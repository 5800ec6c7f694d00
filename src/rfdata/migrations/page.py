"""One schema as a page of Markdown: each table with all that belongs to it, then functions and types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rfdata.migrations.markdown import anchor, block, code, link, plain, size, table_of
from rfdata.migrations.structure import (
    Column,
    ForeignKey,
    Function,
    Grants,
    Inventory,
    Namespace,
    Partitions,
    Table,
    Type,
)

_HEADINGS = ("Tables", "Functions", "Types")


def render(
    inventory: Inventory, namespace: Namespace, names: Mapping[str, str], sizes: bool
) -> str:
    """`names`: each schema's file name, without its end."""
    links = _links(inventory, names)
    picture = f"{names[namespace.name]}.svg"
    parts = [f"# {plain(namespace.name)}", plain(namespace.comment)]
    if namespace.tables:
        parts.append("## Tables")
        if has_diagram(namespace):
            said = f"Entity diagram of {plain(namespace.name)}"
            parts.append(f"[![{said}]({picture})]({picture})")
        parts.append(_contents(namespace, links, sizes))
        leading = _leading(inventory)
        for table in namespace.tables:
            parts += _table(table, leading.get(table.qualified, ()), links, sizes)
    if namespace.functions:
        parts += ["## Functions", *(_function(one) for one in namespace.functions)]
    if namespace.types:
        parts += [
            "## Types",
            table_of(("Type", "Kind", "Made of", "Comment"), map(_type, namespace.types)),
        ]
    if not (namespace.tables or namespace.functions or namespace.types):
        parts.append("Nothing is in it yet.")
    parts.append("[All schemas](README.md)")
    return "\n\n".join(part for part in parts if part) + "\n"


def has_diagram(namespace: Namespace) -> bool:
    return any(not table.query for table in namespace.tables)


def _links(inventory: Inventory, names: Mapping[str, str]) -> dict[str, str]:
    """Where each table is described, by its qualified name."""
    found = {}
    for namespace in inventory.namespaces:
        taken: dict[str, int] = {}
        for heading in (namespace.name, *_HEADINGS[:1]):
            anchor(heading, taken)
        for table in namespace.tables:
            target = f"{names[namespace.name]}.md#{anchor(table.name, taken)}"
            found[table.qualified] = target
    return found


def _leading(inventory: Inventory) -> dict[str, list[tuple[Table, ForeignKey]]]:
    """The foreign keys that lead to each table."""
    found: dict[str, list[tuple[Table, ForeignKey]]] = {}
    for table in inventory.tables:
        for key in table.foreign_keys:
            found.setdefault(f"{key.schema}.{key.table}", []).append((table, key))
    return found


def _contents(namespace: Namespace, links: Mapping[str, str], sizes: bool) -> str:
    head = ("Table", "What it holds", *(("Rows", "Size") if sizes else ()))
    rows = (
        (
            link(table.name, "#" + links[table.qualified].partition("#")[2]),
            plain(table.comment),
            *(_used(table) if sizes else ()),
        )
        for table in namespace.tables
    )
    return table_of(head, rows)


def _used(table: Table) -> tuple[str, str]:
    return ("", "") if table.kind == "view" else (_rows(table), size(table.size.total))


def _rows(table: Table) -> str:
    return "unknown" if table.rows is None else f"about {table.rows:,}"


def _table(
    table: Table, leading: Sequence[tuple[Table, ForeignKey]], links: Mapping[str, str], sizes: bool
) -> Iterator[str]:
    yield f"### {plain(table.name)}"
    yield plain(table.comment)
    yield " ".join(_facts(table, sizes))
    if table.query:
        yield block(table.query)
    yield table_of(
        ("Column", "Type", "Key", "Default", "Comment"),
        (_column(table, column, links) for column in table.columns),
    )
    yield _list("Keys", (f"{code(key.name)}: {code(key.definition)}" for key in table.keys))
    yield _list("Foreign keys", (_foreign_key(key, links) for key in table.foreign_keys))
    yield _list("Referenced by", (_referencing(other, key, links) for other, key in leading))
    yield _list(
        "Checks",
        (f"{code(one.name)}: {code(one.definition)}{_said(one.comment)}" for one in table.checks),
    )
    yield _list("Indexes", _indexes(table, sizes))
    yield _list("Policies", _policies(table))
    yield _list(
        "Triggers",
        (f"{code(one.name)}: {code(one.definition)}{_said(one.comment)}" for one in table.triggers),
    )
    yield _list("Grants", _grants(table))


def _facts(table: Table, sizes: bool) -> Iterator[str]:
    if table.partitions:
        yield _partitions(table.partitions, sizes)
    elif table.kind != "table":
        yield f"A {table.kind}."
    if table.row_security:
        forced = ", for its owner too" if table.row_security == "forced" else ""
        yield f"Row-level security is on{forced}."
    if sizes and table.kind != "view":
        used = table.size
        yield (
            f"Rows: {_rows(table)}. Size: {size(used.total)} (heap {size(used.heap)}, "
            f"indexes {size(used.indexes)}, TOAST {size(used.toast)})."
        )


def _partitions(partitions: Partitions, sizes: bool) -> str:
    by = f" by {partitions.by}" if partitions.by else ""
    rest = ", one of them for whatever fits no other" if partitions.default else ""
    number = f"; {partitions.count} now" if sizes else ""
    return f"Partitions{by}, {code(partitions.key)}{rest}{number}."


def _column(table: Table, column: Column, links: Mapping[str, str]) -> Sequence[str]:
    keys = ["PK"] if column.name in table.primary_key else []
    targets = {
        f"{key.schema}.{key.table}": None
        for key in table.foreign_keys
        if column.name in key.columns
    }
    keys += [f"→ {_linked(target, links)}" for target in targets]
    return (
        code(column.name),
        code(column.type) + ("" if column.not_null or table.query else " null"),
        ", ".join(keys),
        ", ".join(
            part
            for part in (column.generated, code(column.default) if column.default else "")
            if part
        ),
        plain(column.comment),
    )


def _foreign_key(key: ForeignKey, links: Mapping[str, str]) -> str:
    target = _linked(f"{key.schema}.{key.table}", links)
    ours, theirs = ", ".join(key.columns), ", ".join(key.referenced)
    rules = f" {key.rules}" if key.rules else ""
    return f"{code(key.name)}: {code(ours)} → {target} {code(theirs)}{rules}"


def _referencing(table: Table, key: ForeignKey, links: Mapping[str, str]) -> str:
    return f"{_linked(table.qualified, links)} {code(', '.join(key.columns))}"


def _linked(name: str, links: Mapping[str, str]) -> str:
    return link(name, links[name]) if name in links else plain(name)


def _indexes(table: Table, sizes: bool) -> Iterator[str]:
    """Those of keys only where sizes are asked for: else the keys say all."""
    for index in table.indexes:
        if index.backs_constraint and index.valid and not sizes:
            continue
        words = ["unique " if index.unique else "", code(index.definition)]
        if not index.valid:
            words.append(", **invalid**: drop it and make it again")
        if sizes:
            words.append(f", {size(index.size)}")
        yield f"{code(index.name)}: {''.join(words)}{_said(index.comment)}"


def _policies(table: Table) -> Iterator[str]:
    for policy in table.policies:
        kind = "" if policy.permissive else "restrictive, "
        using = f" using {code(policy.using)}" if policy.using else ""
        check = f" with check {code(policy.check)}" if policy.check else ""
        roles = ", ".join(map(code, policy.roles))
        said = _said(policy.comment)
        yield f"{code(policy.name)}: {kind}for {policy.command} to {roles}{using}{check}{said}"


def _grants(table: Table) -> Iterator[str]:
    for role, held in table.grants.items():
        yield f"{code(role)}: {', '.join(sorted(held))}"
    for role, wanted in _on_columns(table.columns).items():
        said = (
            f"{privilege} on {', '.join(map(code, columns))}"
            for privilege, columns in wanted.items()
        )
        yield f"{code(role)}: {'; '.join(said)}"


def _on_columns(columns: Iterable[Column]) -> dict[str, dict[str, list[str]]]:
    """Role -> privilege -> the columns that it is granted on one by one."""
    found: dict[str, dict[str, list[str]]] = {}
    for column in columns:
        for role, held in column.grants.items():
            for privilege in sorted(held):
                found.setdefault(role, {}).setdefault(privilege, []).append(column.name)
    return {role: dict(sorted(found[role].items())) for role in sorted(found)}


def _function(function: Function) -> str:
    signature = f"{function.name}({function.arguments})"
    returns = f" → {code(function.returns)}" if function.returns else ""
    traits = [function.language, function.volatility]
    if function.kind != "function":
        traits.insert(0, function.kind)
    if function.security_definer:
        traits.append("**security definer**")
    traits += map(code, function.settings)
    lines = [
        f"- {code(signature)}{returns}",
        *((plain(function.comment),) if function.comment else ()),
        f"{', '.join(traits)}. Called by: {_callers(function.grants)}.",
    ]
    return "  \n  ".join(lines)


def _callers(grants: Grants) -> str:
    return ", ".join(map(code, grants)) or "nobody but the owner"


def _type(type: Type) -> Sequence[str]:
    return code(type.name), type.kind, ", ".join(map(code, type.parts)), plain(type.comment)


def _list(title: str, entries: Iterable[str]) -> str:
    lines = [f"- {entry}" for entry in entries]
    return "\n".join([f"**{title}**\n", *lines]) if lines else ""


def _said(comment: str) -> str:
    return f". {plain(comment)}" if comment else ""
