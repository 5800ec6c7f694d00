"""The other tools, installed for one run into a folder that goes away with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from benchmarks.deployment import Server
from benchmarks.measure import BenchmarkError, run
from benchmarks.migrations import layout

DBMATE = "2.36.0"
YOYO = "9.0.0"
ALEMBIC = "1.20.1"
_DRIVERS = ("psycopg[binary]==3.3.9", "psycopg2-binary==2.9.13")
"""yoyo is faster with psycopg 3, Alembic with psycopg 2: each gets the one that suits it."""
_PACKAGES = (
    f"yoyo-migrations=={YOYO}",
    f"alembic=={ALEMBIC}",
    "SQLAlchemy==2.1.9",
    *_DRIVERS,
)


def psql(server: Server) -> tuple[str, ...]:
    """As everybody connects: over the unix socket, as the operator."""
    at = ("-h", str(server.socket), "-p", str(server.port), "-U", "postgres", "-d", server.database)
    return (str(server.bin / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", *at)


def url(server: Server, scheme: str, host: str = "host", more: str = "") -> str:
    """The same; `host`: what the tool calls a socket's folder in a URL."""
    socket = quote(str(server.socket), safe="/")
    return f"{scheme}://postgres@/{server.database}?{host}={socket}&port={server.port}{more}"


@dataclass(frozen=True)
class Tool:
    """A program that applies the thousand."""

    name: str
    argv: tuple[str | Path, ...]
    cwd: Path | None = None
    keeps_ledger: bool = True
    """psql does not: run again, it would do everything again, so it has no no-op."""


@dataclass(frozen=True)
class Installed:
    dbmate: Path
    scripts: Path
    """The virtual environment's programs."""


def install(folder: Path) -> Installed:
    """A virtual environment with yoyo and Alembic, and the binary that dbmate's npm package carries."""
    venv = folder / "venv"
    run((sys.executable, "-m", "venv", venv))
    run((venv / "bin" / "python", "-m", "pip", "install", "-q", *_PACKAGES))
    run(("npm", "pack", "--silent", f"@dbmate/linux-x64@{DBMATE}"), cwd=folder)
    run(("tar", "-xzf", f"dbmate-linux-x64-{DBMATE}.tgz"), cwd=folder)
    dbmate = folder / "package" / "bin" / "dbmate"
    if not os.access(dbmate, os.X_OK):
        raise BenchmarkError(f"{dbmate}: npm's package of dbmate {DBMATE} has no such program")
    return Installed(dbmate, venv / "bin")


def rivals(server: Server, installed: Installed, folder: Path, count: int) -> tuple[Tool, ...]:
    """Each with its own layout of the same migrations."""
    lay_out: dict[str, Callable[[Path, int], None]] = {
        "dbmate": layout.dbmate,
        "yoyo": layout.yoyo,
    }
    for name, write in lay_out.items():
        write(folder / name, count)
    at = url(server, "postgresql+psycopg2")
    layout.alembic(folder / "alembic", count, at, each=False)
    layout.alembic(folder / "alembic-each", count, at, each=True)
    return (
        _dbmate(server, installed.dbmate, folder / "dbmate"),
        _yoyo(server, installed.scripts / "yoyo", folder / "yoyo"),
        _alembic("", installed.scripts / "alembic", folder / "alembic"),
        _alembic(", a transaction each", installed.scripts / "alembic", folder / "alembic-each"),
    )


def floors(server: Server, sources: Path, folder: Path) -> tuple[Tool, ...]:
    """psql in one session: as it is, with a transaction for each file, with one for all."""
    files = [word for path in sorted(sources.glob("*.sql")) for word in ("-f", str(path))]
    script = layout.transactions(folder, sources)
    once = psql(server)
    return (
        Tool("floor: one psql, all files", (*once, *files), keeps_ledger=False),
        Tool("one psql, a transaction each", (*once, "-f", script), keeps_ledger=False),
        Tool("one psql, a single transaction", (*once, "-1", *files), keeps_ledger=False),
    )


def loop(server: Server, sources: Path) -> Tool:
    """The checklist's: a psql for each file."""
    words = 'for file in "$0"/*.sql; do "$@" -f "$file"; done'
    argv: tuple[str | Path, ...] = ("/bin/sh", "-ec", words, sources, *psql(server))
    return Tool("psql for each file", argv, keeps_ledger=False)


def _dbmate(server: Server, program: Path, folder: Path) -> Tool:
    at = url(server, "postgres", "socket", "&sslmode=disable")
    argv = (program, "--url", at, "--migrations-dir", folder, "--no-dump-schema", "up")
    return Tool(f"dbmate {DBMATE}", argv)


def _yoyo(server: Server, program: Path, folder: Path) -> Tool:
    at = url(server, "postgresql+psycopg")
    argv = (program, "apply", "--batch", "--no-config-file", "--database", at, folder)
    return Tool(f"yoyo {YOYO}", argv)


def _alembic(how: str, program: Path, folder: Path) -> Tool:
    argv = (program, "-c", folder / "alembic.ini", "upgrade", "head")
    return Tool(f"Alembic {ALEMBIC}{how}", argv, folder)
