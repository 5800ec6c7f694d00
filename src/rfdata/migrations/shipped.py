"""The ResearchFlow schema that comes with rfdata, as the files that a deployment gets."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable

FOLDER = "migrations"
"""Where a deployment has its own."""

_PARTS = ("", "rollback", "verify")


def shipped() -> dict[str, str]:
    """Path below the deployment's `migrations/` -> text, in the order of their names."""
    root = resources.files("rfdata.migrations") / "researchflow"
    return {
        name: file.read_text(encoding="utf-8")
        for part in _PARTS
        for name, file in sorted(_sql(root / part if part else root, part))
    }


def _sql(folder: Traversable, part: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.name.endswith(".sql"):
            yield (f"{part}/{entry.name}" if part else entry.name), entry
