"""Folders that every user may enter, and small programs that answer as a server's would."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rfdata.runtime.archives import SERVER, TOOLS, fetch
from rfdata.runtime.find import NEEDED_TOOLS, default_roots

Executable = Callable[[Path, str], Path]
FakePostgres = Callable[..., Path]
FakeRedis = Callable[..., Path]


@pytest.fixture
def place() -> Iterator[Path]:
    """Like tmp_path, with a space in its name; pytest's own is closed to the servers' users."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="rfdata test ") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two downloaded packages: those that the machine's runtime was made from, else new ones."""
    kept = default_roots()[0] / "archives"
    folder = kept if kept.is_dir() else tmp_path_factory.mktemp("archives")
    for archive in (SERVER, TOOLS):
        fetch(archive, folder, print)
    return folder


@pytest.fixture
def root(place: Path, archives: Path) -> Path:
    """A folder for assembled runtimes that has the downloads already."""
    folder = place / "runtime"
    (folder / "archives").mkdir(parents=True)
    for archive in (SERVER, TOOLS):
        (folder / "archives" / archive.filename).symlink_to(archives / archive.filename)
    return folder


@pytest.fixture
def executable() -> Executable:
    """Write a shell script that can be run."""
    return _executable


@pytest.fixture
def fake_postgres(place: Path) -> FakePostgres:
    def make(
        version: str = "16.9", *, openssl: bool = True, vector: bool = True, lacks: str = ""
    ) -> Path:
        prefix = place / f"pg {version}"
        extension = prefix / "share" / "postgresql" / "extension"
        extension.mkdir(parents=True)
        (extension.parent / "postgres.bki").touch()
        if vector:
            (extension / "vector.control").write_text("default_version = '0.8.1'\n")
        for name in set(NEEDED_TOOLS) - {lacks}:
            mark = "# imports SSL_CTX_new" if openssl else ""
            says = f"{name} (PostgreSQL) {version} (Debian {version}-1.pgdg12+1)"
            _executable(prefix / "bin" / name, f"{mark}\necho '{says}'")
        return prefix / "bin"

    return make


@pytest.fixture
def fake_redis(place: Path) -> FakeRedis:
    def make(version: str = "7.2.4", *, tls: bool = True) -> Path:
        refused = 'rfdata-probe "now"' if tls else 'tls-port "0"'
        return _executable(
            place / f"redis {version}" / "redis-server",
            f"""if [ "$1" = --version ]; then echo 'Redis server v={version} sha=0'; exit; fi
            echo '*** FATAL CONFIG FILE ERROR (Redis {version}) ***' >&2
            echo 'Reading the configuration file, at line 2' >&2
            echo '>>> '"'{refused}'" >&2
            exit 1""",
        )

    return make


def _executable(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path
