"""Deployments that live for one measurement and leave nothing behind."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import socket
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import BenchmarkError, Sample, run, undisturbed

NAME = "benchmark"
RFDATA = Path(sys.executable).with_name("rfdata")
SERVERS = ("postgres", "redis", "redis-durable")
_PORTS = range(15000, 30000)
"""Below those that the kernel hands out to whoever connects somewhere."""


@dataclass(frozen=True)
class Server:
    """A deployment's PostgreSQL over its unix socket, where the operator is known by the system user."""

    socket: Path
    """The folder."""
    port: int
    database: str
    bin: Path
    """PostgreSQL's programs."""


@dataclass(frozen=True)
class Deployment:
    """A deployment in a temporary folder, with ports of its own."""

    folder: Path
    state: Path
    ports: dict[str, int]

    def rfdata(self, *arguments: str, accept: tuple[int, ...] = (0,)) -> Sample:
        """Run a verb on it."""
        return run((RFDATA, "-C", self.folder, *arguments), accept=accept)

    def json(self, *arguments: str, accept: tuple[int, ...] = (0,)) -> Any:
        """What a verb says with --format json."""
        return json.loads(self.rfdata(*arguments, "--format", "json", accept=accept).output)

    def postgres(self) -> Server:
        """The operator's way in; the server must be up."""
        found = json.loads(run((RFDATA, "runtime", "show", "--format", "json")).output)
        socket = next(self.state.glob("postgres/run/.s.PGSQL.*[0-9]"), None)
        if socket is None:
            raise BenchmarkError(f"{self.state}: no socket of PostgreSQL")
        return Server(
            socket=socket.parent,
            port=self.ports["postgres"],
            database=self.env()["POSTGRES_DB"],
            bin=Path(found["postgres"]["bin"]),
        )

    def up(self) -> Sample:
        return self.rfdata("up", "--yes")

    def down(self) -> None:
        self.rfdata("down", "--yes")

    def env(self) -> dict[str, str]:
        """What .env says; the values of a fresh one need no unquoting but for their quotes."""
        pairs = (
            line.partition("=")
            for line in (self.folder / ".env").read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("#")
        )
        return {name: value.strip("'\"") for name, _, value in pairs}


@contextmanager
def temporary(
    profile: str = "prod", settings: Mapping[str, str] | None = None
) -> Iterator[Deployment]:
    """A fresh deployment, initialised; stopped and removed in the end, whatever happened.

    `settings`: other values for keys of rfdata.toml that it has once, as TOML writes them.
    """
    folder = Path(tempfile.mkdtemp(prefix="rfdata-benchmark-")).resolve()
    deployment = None
    try:
        deployment = _initialised(folder / "deployment", profile)
        _set(folder / "deployment" / "rfdata.toml", settings or {})
        yield deployment
    finally:
        with undisturbed():
            if deployment is not None:
                _clear(deployment)
            shutil.rmtree(folder)


def _initialised(folder: Path, profile: str) -> Deployment:
    ports = dict(zip(SERVERS, free_ports(len(SERVERS)), strict=True))
    options = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
    run((RFDATA, "-C", folder, "init", "--profile", profile, "--name", NAME, *options))
    settings = tomllib.loads((folder / "rfdata.toml").read_text(encoding="utf-8"))
    state = settings["native"]["state"]
    return Deployment(folder, Path(state) if state else folder / "var", ports)


def _set(path: Path, settings: Mapping[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for key, value in settings.items():
        text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.M)
        if count != 1:
            raise BenchmarkError(f"{path} has {key} {count} times")
    path.write_text(text, encoding="utf-8")


def _clear(deployment: Deployment) -> None:
    """Stop what runs, then remove the state folder: it must be this deployment's, by its marker."""
    state = deployment.state
    if not state.exists():
        return
    deployment.down()
    marker = state / "deployment"
    if marker.exists() and marker.read_text(encoding="utf-8").strip() != str(deployment.folder):
        raise BenchmarkError(f"{state} belongs to another deployment; it was left alone")
    if os.geteuid() == 0 and not state.name.startswith(f"{NAME}-"):
        raise BenchmarkError(f"{state} does not look like ours; it was left alone")
    shutil.rmtree(state)


def free_ports(count: int) -> tuple[int, ...]:
    """Ports of 127.0.0.1 that nobody listens on, each another one."""
    found: list[int] = []
    for port in random.sample(_PORTS, 500):
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return tuple(found)
    raise BenchmarkError("no free ports on 127.0.0.1")
