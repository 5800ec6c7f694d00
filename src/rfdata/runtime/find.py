"""Find PostgreSQL 16 with pgvector and TLS, and Redis 7 with TLS.

An installed one wins over the assembled one, because its vendor brings security updates. Nothing is
remembered between calls: what a file tells is read from the file, and a program is started only
where no file tells.
"""

from __future__ import annotations

import mmap
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from rfdata.errors import ProgramMissing, RfdataError
from rfdata.runtime import manifest
from rfdata.shell import Command, run

Origin = Literal["packaged", "assembled"]

POSTGRES_MAJOR = 16
REDIS_OLDEST = 7
DEBIAN_BIN = Path("/usr/lib/postgresql/16/bin")
SYSTEM_ROOT = Path("/var/lib/rfdata/runtime")
INSTALL_HINT = "run `rfdata runtime install`"
PROBE_TIMEOUT = 10.0
NEEDED_TOOLS = ("initdb", "pg_ctl", "postgres", "psql", "pg_isready", "pg_controldata", "pg_dump")
OTHER_TOOLS = (
    "pg_amcheck",
    "pg_basebackup",
    "pg_checksums",
    "pg_config",
    "pg_dumpall",
    "pg_receivewal",
    "pg_restore",
    "pg_rewind",
    "pg_verifybackup",
    "pg_waldump",
    "pgbench",
)


@dataclass(frozen=True)
class PostgresRuntime:
    """A PostgreSQL 16 that can serve: its folder of programs, and what they bring."""

    bin: Path
    version: str
    origin: Origin
    tools: frozenset[str]
    pgvector: str
    """The version that `CREATE EXTENSION vector` installs."""
    passed_over: tuple[str, ...] = ()
    """Those that would have come first, each with the reason why it can't serve."""

    def tool(self, name: str) -> Path:
        """The path of one program, or ProgramMissing."""
        if name not in self.tools:
            raise ProgramMissing(
                f"{self.bin} has no {name}",
                hint="install the complete PostgreSQL 16 server and client packages",
            )
        return self.bin / name


@dataclass(frozen=True)
class RedisRuntime:
    """A Redis 7 or newer that can serve."""

    server: Path
    cli: Path | None
    version: str
    origin: Origin
    tls: bool


def default_roots() -> tuple[Path, ...]:
    """Where assembled runtimes lie; the first is where we would put one."""
    if os.geteuid() == 0:
        return (SYSTEM_ROOT,)
    ours = Path(os.environ.get("XDG_DATA_HOME", ""))
    if not ours.is_absolute():
        ours = Path(os.environ.get("HOME", "")) / ".local" / "share"
    private = (ours / "rfdata" / "runtime",) if ours.is_absolute() else ()
    return (*private, SYSTEM_ROOT)


def find_postgres(
    explicit: Path | None = None, roots: Sequence[Path] | None = None
) -> PostgresRuntime:
    """The PostgreSQL to serve with; ProgramMissing says of each candidate why it can't.

    `explicit` (a folder of programs, from the configuration) is taken or refused, never replaced.
    """
    places = default_roots() if roots is None else tuple(roots)
    if explicit is not None:
        folder = explicit.absolute()
        home = manifest.home_of(folder)
        found = _inspect_assembled(home) if home else _inspect_installed(folder)
        if isinstance(found, str):
            raise ProgramMissing(
                f"the configured PostgreSQL can't serve: {found}",
                hint="correct the path in rfdata.toml, or remove it to let rfdata choose",
            )
        return found
    refused: list[str] = []
    candidates = (
        *(partial(_inspect_installed, folder) for folder in _installed_bins()),
        *(partial(_inspect_assembled, home) for home in _assembled_homes(places)),
    )
    for inspect in candidates:
        found = inspect()
        if isinstance(found, PostgresRuntime):
            return replace(found, passed_over=tuple(refused))
        refused.append(found)
    raise ProgramMissing(
        "\n  ".join(("no usable PostgreSQL 16 with pgvector on this machine", *refused)),
        hint=INSTALL_HINT,
    )


def find_redis(explicit: Path | None = None) -> RedisRuntime:
    """The Redis to serve with; `explicit` is a redis-server or the folder that holds it."""
    if explicit is not None:
        path = explicit.absolute()
        found = _inspect_redis(path / "redis-server" if path.is_dir() else path)
        hint = "correct the path in rfdata.toml, or remove it to let rfdata choose"
    else:
        on_path = shutil.which("redis-server")
        found = _inspect_redis(Path(on_path)) if on_path else "no redis-server on this machine"
        hint = INSTALL_HINT
    if isinstance(found, str):
        raise ProgramMissing(f"no usable Redis {REDIS_OLDEST} with TLS: {found}", hint=hint)
    return found


def _installed_bins() -> Iterable[Path]:
    if DEBIAN_BIN.is_dir():
        yield DEBIAN_BIN
    on_path = shutil.which("postgres")
    if on_path is not None and (folder := Path(on_path).resolve().parent) != DEBIAN_BIN:
        yield folder


def _assembled_homes(roots: Sequence[Path]) -> Iterable[Path]:
    """The newest first; which are whole is for the manifest to say."""
    for root in roots:
        yield from sorted(
            root.glob(f"postgresql-{POSTGRES_MAJOR}.*"), key=_by_version, reverse=True
        )


def _by_version(home: Path) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", home.name)]


def _inspect_installed(folder: Path) -> PostgresRuntime | str:
    """What `folder` holds, or in one sentence why it can't serve."""
    if missing := [name for name in NEEDED_TOOLS if not os.access(folder / name, os.X_OK)]:
        return f"{folder}: has no {', '.join(missing)}"
    if closed := _closed_to_servers(folder):
        return f"{folder}: {closed} can't be entered by the servers' users"
    version = _postgres_version(folder)
    if not version.startswith(f"{POSTGRES_MAJOR}."):
        return f"{folder}: is version {version}, not {POSTGRES_MAJOR}"
    if not _has_openssl(folder):
        return f"{folder}: is built without OpenSSL, so it has no TLS"
    control = _extension_folder(folder) / "vector.control"
    if not control.is_file():
        return (
            f"{folder}: has no pgvector ({control} is missing; "
            "Debian, Ubuntu: apt-get install postgresql-16-pgvector)"
        )
    return PostgresRuntime(folder, version, "packaged", _tools(folder), _control_version(control))


def _inspect_assembled(home: Path) -> PostgresRuntime | str:
    whole = manifest.read(home)
    if isinstance(whole, str):
        return whole
    folder = home / manifest.BIN
    if closed := _closed_to_servers(folder):
        return f"{folder}: {closed} can't be entered by the servers' users"
    return PostgresRuntime(folder, whole.postgres, "assembled", _tools(folder), whole.pgvector)


def _tools(folder: Path) -> frozenset[str]:
    names = (*NEEDED_TOOLS, *OTHER_TOOLS)
    return frozenset(name for name in names if os.access(folder / name, os.X_OK))


def _closed_to_servers(folder: Path) -> Path | None:
    """As root the servers run as other users, who must be able to reach their programs."""
    if os.geteuid() != 0:
        return None
    return next(
        (path for path in (folder, *folder.parents) if not path.stat().st_mode & 0o001), None
    )


def _postgres_version(folder: Path) -> str:
    """Debian's folders are named after the major version; a wrong one need not be started."""
    named = re.fullmatch(r"/usr/lib/postgresql/(\d+)/bin", str(folder))
    if named and int(named.group(1)) != POSTGRES_MAJOR:
        return named.group(1)
    printed = _output(folder / "postgres", "--version")
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+|\w+))", printed)
    return match.group(1) if match else f"unknown ({printed.strip()[:60]!r})"


def _has_openssl(folder: Path) -> bool:
    """The names that `postgres` imports tell; where it is a wrapper script, pg_config does."""
    with open(folder / "postgres", "rb") as stream:
        try:
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as image:
                if image.find(b"SSL_CTX_new") >= 0:
                    return True
        except ValueError:
            return False
    return "openssl" in _output(folder / "pg_config", "--configure")


def _extension_folder(folder: Path) -> Path:
    """Where the extensions' control files lie, relative to the programs as PostgreSQL itself does it."""
    prefix = folder.parent
    usual = [prefix / "share" / "postgresql", prefix / "share" / "pgsql", prefix / "share"]
    if folder == DEBIAN_BIN:
        usual.insert(0, Path("/usr/share/postgresql/16"))
    for share in usual:
        if (share / "postgres.bki").is_file():
            return share / "extension"
    printed = _output(folder / "pg_config", "--sharedir").strip()
    return Path(printed or usual[0]) / "extension"


def _control_version(control: Path) -> str:
    match = re.search(r"default_version\s*=\s*'([^']+)'", control.read_text(encoding="utf-8"))
    return match.group(1) if match else "unknown"


def _inspect_redis(server: Path) -> RedisRuntime | str:
    """Ask with a configuration that no Redis accepts: it ends before it opens anything.

    A Redis with TLS refuses our made-up setting, one without refuses `tls-port` already; both name
    their version. `--version` alone tells nothing of TLS, and `--help` starts nothing but says
    nothing either.
    """
    if not os.access(server, os.X_OK):
        return f"{server}: can't be run"
    if closed := _closed_to_servers(server.parent):
        return f"{server}: {closed} can't be entered by the servers' users"
    refusal = _output(server, "--tls-port", "0", "--rfdata-probe", "now")
    match = re.search(r"\(Redis (\d+)\.([\w.]+)\)", refusal)
    match = match or re.search(r"^Redis server v=(\d+)\.([\w.]+)", _output(server, "--version"))
    if match is None:
        return f"{server}: doesn't say that it is Redis"
    version = f"{match.group(1)}.{match.group(2)}"
    if int(match.group(1)) < REDIS_OLDEST:
        return f"{server}: is version {version}, older than {REDIS_OLDEST}"
    if "rfdata-probe" not in refusal:
        return f"{server}: is version {version}, but built without TLS"
    cli = server.with_name("redis-cli")
    beside = cli if os.access(cli, os.X_OK) else shutil.which("redis-cli")
    return RedisRuntime(server, Path(beside) if beside else None, version, "packaged", tls=True)


def _output(program: Path, *arguments: str) -> str:
    """What a program prints, whatever its exit code; nothing where it can't be run."""
    try:
        done = run(Command((str(program), *arguments), timeout=PROBE_TIMEOUT), check=False)
    except RfdataError:
        return ""
    return done.stdout + done.stderr
