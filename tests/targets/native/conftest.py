"""Whole deployments on this machine, each in a folder and on ports of its own, removed by pid."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import monotonic, sleep

import pytest

from rfdata import files
from rfdata.config.load import Config, load
from rfdata.init import Wish, init, set_value
from rfdata.model.facts import SERVERS, Server
from rfdata.model.plan import (
    Action,
    InitDatabase,
    IssueAuthority,
    IssueCertificate,
    StartServer,
    StartWatch,
)
from rfdata.targets.base import Desired
from rfdata.targets.native import identity, limits, watch
from rfdata.targets.native.desired import desired
from rfdata.targets.native.identity import Running
from rfdata.targets.native.layout import Home, Layout, layout
from rfdata.targets.native.programs import Programs
from rfdata.targets.native.site import Site
from rfdata.targets.native.target import NativeTarget

SMALL = {
    ("postgres", "max_connections"): "60",
    ("postgres", "shared_buffers"): '"32MB"',
    ("postgres", "effective_cache_size"): '"96MB"',
    ("postgres.limits", "cpus"): "1.5",
    ("postgres.limits", "memory"): '"1GB"',
    ("postgres.limits", "memory_reservation"): '"64MB"',
    ("health", "interval"): '"200ms"',
    ("health", "timeout"): '"2s"',
}
"""Many servers fit on one machine, and an agent that polls often makes quick tests."""


def quiet(_: str) -> None:
    """Nobody watches the progress."""


@dataclass(frozen=True)
class Deployment:
    """A deployment directory with everything that a test does to it."""

    directory: Path
    root: Path
    """Everything of it lies below this temporary folder."""

    @property
    def config(self) -> Config:
        return load(self.directory)

    @cached_property
    def target(self) -> NativeTarget:
        return NativeTarget(self.config)

    @property
    def layout(self) -> Layout:
        return layout(self.config)

    @cached_property
    def programs(self) -> Programs:
        return Programs(self.config)

    @property
    def site(self) -> Site:
        config = self.config
        return Site(config, layout(config), self.programs)

    def home(self, server: Server) -> Home:
        return self.layout.home(server)

    def set(self, section: str, key: str, value: str) -> None:
        path = self.directory / "rfdata.toml"
        path.write_text(set_value(path.read_text(), section, key, value))

    def desired(self) -> Desired:
        site = self.site
        programs = {server: site.programs.described(server) for server in SERVERS}
        return desired(site, programs, None, limited=limits.possible())

    def prepare(self, *servers: Server) -> None:
        """Everything but the start: folders, files, certificates, the database cluster."""
        config, wanted = self.config, self.desired()
        chosen = servers or SERVERS
        steps: list[Action] = [*wanted.folders, IssueAuthority(60)]
        steps += [IssueCertificate(s, wanted.certificates[s], 30) for s in chosen]
        steps += wanted.files
        if "postgres" in chosen:
            steps += [InitDatabase((*wanted.initdb_arguments, "--no-sync")), *wanted.data_files]
        for step in steps:
            self.target.execute(config, step, quiet)

    def start(self, *servers: Server) -> None:
        for server in servers or SERVERS:
            self.target.execute(self.config, StartServer(server), quiet)

    def watch(self) -> None:
        self.target.execute(self.config, StartWatch(), quiet)

    def running(self, server: Server) -> Running:
        found = identity.running(self.home(server))
        assert found is not None, f"{server} does not run"
        return found

    def kill(self, server: Server) -> Running:
        """kill -9, as the kernel does when memory runs out."""
        found = self.running(server)
        os.kill(found.pid, signal.SIGKILL)
        assert identity.wait_until_gone(found, 10)
        return found

    def remove(self) -> None:
        """End what runs, each by its own identity, and take the folder away."""
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self.root)
            config = self.config
            watch.set_wanted(self.layout, ()) if self.layout.agent.is_dir() else None
            watch.stop(config)
            for home in self.layout.homes:
                end(home)
                limits.release(self.layout.identity, home.server)


def end(home: Home) -> None:
    """Kill a server and what works in its folder; only processes that are shown to be ours."""
    if (found := identity.running(home)) is not None:
        identity.send(found, signal.SIGKILL)
        identity.wait_until_gone(found, 10)
    for pid in identity.leftovers(home):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not identity.leftovers(home), f"{home.server} ends")


def until(condition: Callable[[], object], what: str, patience: float = 15.0) -> None:
    """Wait for something that another process does."""
    deadline = monotonic() + patience
    while not condition():
        assert monotonic() < deadline, f"never happened: {what}"
        sleep(0.02)


def free_ports(count: int) -> list[int]:
    """Free now, and below those that the kernel gives to clients."""
    found: set[int] = set()
    while len(found) < count:
        port = random.randint(15000, 32000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


def make(parent: str = "") -> Deployment:
    """A deployment directory below a folder that the servers' users can reach."""
    root = Path(tempfile.mkdtemp(prefix="rfdata-native-", dir="/tmp"))
    root.chmod(0o755)
    directory = root / parent / "deployment" if parent else root / "deployment"
    ports = dict(zip(("postgres", "redis", "redis_durable"), free_ports(3), strict=True))
    init(directory, Wish("prod", "native", "test", ports), lambda server, _: ports[server])
    deployment = Deployment(directory, root)
    for (section, key), value in SMALL.items():
        deployment.set(section, key, value)
    deployment.set("native", "state", '""')
    return deployment


@pytest.fixture
def fresh() -> Iterator[Deployment]:
    """A deployment directory in which nothing was built yet."""
    deployment = make()
    yield deployment
    deployment.remove()


@pytest.fixture
def redis(fresh: Deployment) -> Deployment:
    """The cache alone, prepared and not started."""
    fresh.prepare("redis")
    return fresh


@pytest.fixture
def prepared(fresh: Deployment, cluster: Path) -> Deployment:
    """All three servers, prepared and not started."""
    fresh.prepare("redis", "redis-durable")
    adopt(fresh, cluster)
    return fresh


@pytest.fixture
def postgres(fresh: Deployment, cluster: Path) -> Deployment:
    """PostgreSQL alone, prepared and not started."""
    fresh.prepare("redis")
    adopt(fresh, cluster)
    return fresh


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """A database cluster as initdb makes it, to be copied: initdb takes half a second."""
    deployment = make()
    deployment.prepare("postgres")
    yield deployment.home("postgres").data
    deployment.remove()


def adopt(deployment: Deployment, cluster: Path) -> None:
    """Give a deployment a copy of the cluster, with its own settings."""
    home, config, wanted = deployment.home("postgres"), deployment.config, deployment.desired()
    step = IssueCertificate("postgres", wanted.certificates["postgres"], 30)
    deployment.target.execute(config, step, quiet)
    shutil.copytree(cluster, home.data)
    owner = files.Owner.named(home.user)
    for path in (home.data, *home.data.rglob("*")):
        os.chown(path, owner.uid, owner.gid)
    for file in wanted.data_files:
        deployment.target.execute(config, file, quiet)
