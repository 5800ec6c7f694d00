"""Write docs/checks/ from the catalogue: one page a check, and an index. `--check` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

from rfdata.checklist import catalogue
from rfdata.checklist.item import Check

FOLDER = Path(__file__).parent.parent / "docs" / "checks"


def page(check: Check) -> str:
    """One check: why, remedy, lines."""
    item = check.item
    lines = [f"- **{line.id}** {line.text}" for line in catalogue.lines_of(item.id)]
    deviations = [
        f"- **{line.id}** {line.deviation}"
        for line in catalogue.lines_of(item.id)
        if line.deviation
    ]
    parts = [
        f"# {item.id}",
        f"Severity: **{item.severity}**"
        + (". Looks at the servers' own host." if item.host else "."),
        f"## Why\n\n{item.why}",
        f"## When it fails\n\n{item.remedy}",
        "## Lines that it decides\n\n" + "\n".join(lines),
    ]
    if deviations:
        parts.append("## Where we differ from the checklist\n\n" + "\n".join(deviations))
    parts.append(f"Try it: `rfdata verify --check {item.id}`")
    return "\n\n".join(parts) + "\n"


def index() -> str:
    """All checks in a table."""
    rows = [
        f"| [{check.item.id}]({check.item.id}.md) | {check.item.severity} | "
        f"{' '.join(line.id for line in catalogue.lines_of(check.item.id))} |"
        for check in sorted(catalogue.CHECKS, key=lambda check: check.item.id)
    ]
    head = (
        f"# Checks\n\nGenerated from the catalogue (`make docs`): {len(catalogue.CHECKS)} checks decide, together "
        "with people's\nword and with what later versions bring, the checklist's 244 lines.\n"
    )
    return "\n".join([head, "| check | severity | lines |", "|---|---|---|", *rows]) + "\n"


def pages() -> dict[str, str]:
    """File name -> content."""
    found = {f"{check.item.id}.md": page(check) for check in catalogue.CHECKS}
    return found | {"README.md": index()}


def main() -> int:
    """Write, or with --check tell what is not current (exit 1)."""
    wanted = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    if "--check" in sys.argv:
        stale = sorted(
            name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name)
        )
        if stale:
            print(f"docs/checks is not current ({', '.join(stale[:5])} …): run `make docs`")
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in there.keys() - wanted.keys():
        (FOLDER / name).unlink()
    for name, content in wanted.items():
        (FOLDER / name).write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
