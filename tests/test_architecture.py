"""The rules of the house that a program can hold: who imports whom, who runs programs, who writes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "rfdata"

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "secrets"}),
    frozenset({"model"}),
    frozenset({"config"}),
    frozenset({"checklist"}),
    frozenset({"shell", "files", "readings"}),
    frozenset({"tls", "runtime", "evidence"}),
    frozenset({"postgres", "redis"}),
    frozenset({"migrations"}),
    frozenset({"targets"}),
    frozenset({"plan"}),
    frozenset({"init", "apply", "verify", "report", "status", "certs", "doctor", "migrate"}),
    frozenset({"cli"}),
)
"""Lowest first. A room may import those below it, and itself; verbs may use one another."""

VERBS = LAYERS[-2]
PURE = {"checklist": {"model", "config", "errors", "secrets"}, "model": {"secrets"}}
"""Rooms that may use less than what lies below them."""

SUBPROCESS = {"shell.py"}
WRITERS = {"files.py"}
WRITING = {
    "write_text",
    "write_bytes",
    "unlink",
    "rename",
    "mkdir",
    "symlink_to",
    "chmod",
    "chown",
    "rmtree",
    "touch",
}
"""Names that only pathlib, os and shutil use (Path.replace shares its name with str.replace)."""


def modules() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "rfdata":
                yield from ((node.lineno, f"rfdata.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module


def rank(name: str) -> int:
    found = [number for number, layer in enumerate(LAYERS) if name in layer]
    assert found, f"{name} has no place in LAYERS"
    return found[0]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down_only(path: Path) -> None:
    here = room(path)
    if here == "__init__":
        return
    for line, name in imports(path):
        parts = name.split(".")
        if parts[0] != "rfdata" or len(parts) < 2 or parts[1].startswith("__"):
            continue
        there = parts[1]
        if there == here:
            continue
        where = f"{path.relative_to(SOURCE)}:{line} imports {name}"
        assert rank(there) < rank(here) or {here, there} <= VERBS, f"{where}: that goes up"
        assert there in PURE.get(here, {there}), f"{where}: {here} is pure"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_one_place_runs_programs_and_one_writes_files(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name not in SUBPROCESS:
        assert not [
            name for _, name in imports(path) if name.split(".")[0] in ("subprocess", "pty")
        ]
    if path.name in WRITERS:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            ours = isinstance(owner, ast.Name) and owner.id == "files"
            where = f"{path.relative_to(SOURCE)}:{node.lineno}"
            assert ours or node.func.attr not in WRITING, (
                f"{where} writes by itself: {node.func.attr}"
            )


def test_every_room_has_its_place() -> None:
    rooms = {room(path) for path in modules()} - {"__init__", "__main__"}
    assert rooms == {name for layer in LAYERS for name in layer}
