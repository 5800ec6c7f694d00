"""The schema as Markdown: an overview, and a page for each schema, with diagrams beside them. Pure.

The same schema gives the same text: what changes with the data or with the date (sizes, the number
of partitions) is only there on request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from rfdata.config.services import GROUPS
from rfdata.migrations import diagram, page
from rfdata.migrations.markdown import code, count, link, plain, size, table_of
from rfdata.migrations.structure import Grants, Inventory, Namespace, Role

README = "README.md"
OVERVIEW = "overview.svg"

_MATRIX = """\
Each cell says on how many tables and views of the schema a role has a privilege, grants on single
columns included, and how many functions it may call (EXECUTE). The owner is left out: it may do
everything, and no service logs in as it. Row-level security narrows all of this further."""

_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


def render(inventory: Inventory, *, sizes: bool = False) -> Mapping[str, str]:
    """File name -> content, for one folder."""
    names = file_names(inventory.namespaces)
    found = {README: _readme(inventory, names, sizes), OVERVIEW: diagram.overview(inventory)}
    for namespace in inventory.namespaces:
        name = names[namespace.name]
        found[f"{name}.md"] = page.render(inventory, namespace, names, sizes)
        if page.has_diagram(namespace):
            found[f"{name}.svg"] = diagram.entities(namespace)
    return found


def file_names(namespaces: Iterable[Namespace]) -> dict[str, str]:
    """For each schema a name that every file system and every link takes, each once."""
    taken = {"readme", "overview"}
    found = {}
    for namespace in namespaces:
        name = base = re.sub(r"[^A-Za-z0-9_]+", "-", namespace.name).strip("-") or "schema"
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.lower())
        found[namespace.name] = name
    return found


def _readme(inventory: Inventory, names: Mapping[str, str], sizes: bool) -> str:
    parts = [
        "# The schema",
        "Read from the catalogue of a live database by `rfdata migrate schema`; not written by hand.",
    ]
    if not inventory.namespaces:
        return "\n\n".join([*parts, "The database has no schema of its own yet."]) + "\n"
    parts += [
        _summary(inventory),
        f"[![All schemas and the foreign keys between them]({OVERVIEW})]({OVERVIEW})",
        "## Schemas",
        table_of(
            (
                "Schema",
                "What it is for",
                "Tables and views",
                "Functions",
                *(("Size",) if sizes else ()),
            ),
            (_schema_row(one, names, sizes) for one in inventory.namespaces),
        ),
        "## Who may do what",
        _MATRIX,
        _matrix(inventory, names),
        "## Roles",
        table_of(("Role", "What it is for", "Members"), map(_role_row, inventory.roles)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(inventory: Inventory) -> str:
    views = sum(bool(table.query) for table in inventory.tables)
    parts = [
        count(len(inventory.namespaces), "schema"),
        count(len(inventory.tables) - views, "table"),
        *((count(views, "view"),) if views else ()),
        count(sum(len(one.functions) for one in inventory.namespaces), "function"),
    ]
    extensions = ", ".join(map(code, inventory.extensions))
    return f"{', '.join(parts)}." + (f" Extensions: {extensions}." if extensions else "")


def _schema_row(namespace: Namespace, names: Mapping[str, str], sizes: bool) -> Sequence[str]:
    total = sum(table.size.total for table in namespace.tables)
    return (
        link(namespace.name, f"{names[namespace.name]}.md"),
        plain(namespace.comment),
        str(len(namespace.tables)),
        str(len(namespace.functions)),
        *((size(total),) if sizes else ()),
    )


def _matrix(inventory: Inventory, names: Mapping[str, str]) -> str:
    head = [link(one.name, f"{names[one.name]}.md") for one in inventory.namespaces]
    rows = (
        [code(role.name), *(_cell(namespace, role.name) for namespace in inventory.namespaces)]
        for role in inventory.roles
    )
    return table_of(("Role", *head), rows)


def _cell(namespace: Namespace, role: str) -> str:
    """What a role may do in a schema, for example "SELECT 12, INSERT 3, EXECUTE 2"."""
    held = [
        _on_table(role, table.grants, [c.grants for c in table.columns])
        for table in namespace.tables
    ]
    parts = [
        f"{privilege} {number}"
        for privilege in _PRIVILEGES
        if (number := sum(privilege in privileges for privileges in held))
    ]
    if called := sum(role in function.grants for function in namespace.functions):
        parts.append(f"EXECUTE {called}")
    if "CREATE" in namespace.grants.get(role, ()):
        parts.insert(0, "CREATE")
    usage = "USAGE" in namespace.grants.get(role, ())
    if parts and not usage and role != "PUBLIC":
        parts.append("without USAGE")
    return ", ".join(parts) or ("USAGE" if usage else "")


def _on_table(role: str, grants: Grants, columns: Iterable[Grants]) -> frozenset[str]:
    return grants.get(role, frozenset()).union(*(one.get(role, frozenset()) for one in columns))


def _role_row(role: Role) -> Sequence[str]:
    return (
        code(role.name),
        plain(role.comment or GROUPS.get(role.name, "")),
        ", ".join(map(code, role.members)),
    )
