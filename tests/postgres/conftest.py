"""A real PostgreSQL with TLS for this session, made from what rfdata itself renders."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from rfdata import files
from rfdata.config.env import SECRETS
from rfdata.config.load import Config, parse_settings
from rfdata.files import Owner
from rfdata.model.fact import Fact
from rfdata.model.facts import PostgresFacts
from rfdata.postgres import access, actions, client, facts, roles
from rfdata.postgres.conf import Desired
from rfdata.postgres.settings import PostgresPaths, desired, render
from rfdata.readings import take
from rfdata.runtime.find import PostgresRuntime, find_postgres
from rfdata.secrets import Secret, generate
from rfdata.shell import Command, run
from rfdata.tls.authority import CA_CERTIFICATE, issue_authority, issue_certificate

SYSTEM_USER = "postgres" if os.geteuid() == 0 else getpass.getuser()


def make_config(directory: Path, toml: str = "", port: int = 5432) -> Config:
    """A deployment with fresh passwords; small enough for many servers on one machine."""
    text = (
        f'[postgres]\nport = {port}\nmax_connections = 60\nshared_buffers = "32MB"\n'
        f'effective_cache_size = "96MB"\n{toml}'
    )
    env = {name: generate() for name in SECRETS}
    return Config(directory, parse_settings(text, directory / "rfdata.toml"), env, Secret(""))


@dataclass
class Cluster:
    """One server in a folder of its own."""

    root: Path
    runtime: PostgresRuntime
    config: Config
    env: dict[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> PostgresPaths:
        tls = self.root / "tls" / "current"
        return PostgresPaths(
            data=self.root / "data",
            socket=self.root / "run",
            logs=self.root / "log",
            certificate=tls / "server.crt",
            key=tls / "server.key",
        )

    @property
    def port(self) -> int:
        return self.config.settings.postgres.port

    @property
    def desired(self) -> dict[str, Desired]:
        return desired(self.config, self.paths)

    def tool(self, name: str, *arguments: str, **more: Any) -> str:
        """Run one of PostgreSQL's programs as the server's user."""
        command = Command((str(self.runtime.tool(name)), *arguments), user=SYSTEM_USER, **more)
        return run(replace(command, cwd=self.root)).stdout

    def render(self) -> None:
        self.write(self.paths.conf, render(self.desired))
        self.write(self.paths.hba, access.render_hba(self.config))
        users = ("root", SYSTEM_USER, getpass.getuser())
        self.write(self.paths.ident, access.render_ident(self.config, users))

    def write(self, path: Path, content: str) -> None:
        files.write(path, content, mode=0o600, owner=Owner.named(SYSTEM_USER))

    def issue(self) -> None:
        """A new certificate, from whatever CA is in `certs`."""
        owner = Owner.named(SYSTEM_USER)
        certs = self.config.directory / "certs"
        issue_certificate(certs, self.root / "tls", ["localhost", "127.0.0.1"], 30, owner)

    def initialise(self) -> None:
        certs = self.config.directory / "certs"
        for folder in (certs, self.root / "tls"):
            files.make_directory(folder, mode=0o755)
        for name in ("run", "log"):
            files.make_directory(self.root / name, mode=0o700, owner=Owner.named(SYSTEM_USER))
        files.set_access(self.root / "run", mode=0o755)
        files.make_directory(self.root / "data", mode=0o700, owner=Owner.named(SYSTEM_USER))
        issue_authority(certs, 60, "test CA")
        self.issue()
        self.tool(
            "initdb",
            *("-D", str(self.paths.data), "-U", "postgres", "-k", "-E", "UTF8"),
            *("--locale=C.UTF-8", "--auth=reject", "--no-sync", "--no-instructions"),
        )
        self.render()

    def start(self) -> None:
        log = str(self.root / "log" / "startup.log")
        self.tool("pg_ctl", "start", "-w", "-s", "-D", str(self.paths.data), "-l", log)

    def stop(self, mode: str = "fast") -> None:
        self.tool("pg_ctl", "stop", "-w", "-s", "-m", mode, "-D", str(self.paths.data))

    def operator(
        self, database: str = client.MAINTENANCE
    ) -> AbstractContextManager[client.Session]:
        return client.operator(self.paths.socket, self.port, database)

    def reload(self) -> None:
        actions.reload(self.operator)

    def run_sql(self, *statements: str, database: str = client.MAINTENANCE) -> list[Any]:
        """As the operator; returns the last statement's rows."""
        rows: list[Any] = []
        with self.operator(database) as session:
            for statement in statements:
                cursor = session.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def found(self, config: Config | None = None) -> Mapping[str, Fact[Any]]:
        config = config or self.config
        chains = facts.chains(
            config,
            socket=self.paths.socket,
            logs_folder=self.paths.logs,
            pg_isready=self.runtime.tool("pg_isready"),
        )
        return take(chains, config.settings.verify.fact_timeout)

    def facts(self) -> PostgresFacts:
        return facts.build(self.found())

    def apply(self) -> None:
        """Every step that is planned from what is there now."""
        for step in roles.steps(self.config, self.facts()):
            actions.execute(self.operator, self.config, step.action)  # type: ignore[arg-type]

    @property
    def log_text(self) -> str:
        return "".join(
            path.read_text(errors="replace") for path in sorted(self.paths.logs.iterdir())
        )

    @contextmanager
    def changed(self, *, hba: str | None = None, conf: str | None = None) -> Iterator[None]:
        """With other access rules or settings for a while; put back and reloaded afterwards."""
        if hba is not None:
            self.write(self.paths.hba, hba)
        if conf is not None:
            self.write(self.paths.conf, render(self.desired) + conf)
        self.reload()
        try:
            yield
        finally:
            self.render()
            self.reload()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def new_cluster(toml: str = "", folder: str = "") -> Iterator[Cluster]:
    """A running cluster without roles; stopped and removed afterwards."""
    root = Path(tempfile.mkdtemp(prefix="rfdata-pg-", dir="/tmp"))
    root.chmod(0o755)
    place = root / folder if folder else root
    place.mkdir(exist_ok=True)
    cluster = Cluster(place, find_postgres(), make_config(place / "deployment", toml, free_port()))
    try:
        cluster.initialise()
        cluster.start()
        yield cluster
    finally:
        if (cluster.paths.data / "postmaster.pid").exists():
            cluster.stop("immediate")
        shutil.rmtree(root)


@pytest.fixture(scope="session")
def pristine() -> Iterator[Cluster]:
    """The session's server, with every role and privilege; tests put back what they change."""
    with new_cluster() as cluster:
        cluster.apply()
        yield cluster


@pytest.fixture
def cluster(pristine: Cluster) -> Cluster:
    return pristine


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A deployment that no server belongs to."""
    return make_config(tmp_path)


@pytest.fixture
def configure(tmp_path: Path) -> Callable[[str], Config]:
    return lambda toml: make_config(tmp_path, toml)


CA_FILE = CA_CERTIFICATE
