"""Real Redis servers, started with what we render, each in a folder of its own."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic, sleep

import pytest

from rfdata import files, shell
from rfdata.config.env import REDIS_SECRETS
from rfdata.config.load import Config, parse_settings
from rfdata.files import Owner
from rfdata.model.facts import Server
from rfdata.redis import acl
from rfdata.redis.client import Login, Session, managed, session
from rfdata.redis.instance import USERS, User, password
from rfdata.redis.settings import RedisPaths, desired, render
from rfdata.secrets import Secret, generate
from rfdata.tls import authority
from rfdata.tls.names import default_names

REDIS_SERVER = "/usr/bin/redis-server"
USER = "redis" if os.geteuid() == 0 else None
TIMEOUT = 5.0


def free_port() -> int:
    """A port below those that the kernel gives to clients."""
    while True:
        port = random.randint(15000, 32000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def make_config(directory: Path, port: int, settings: str = "") -> Config:
    """A production deployment whose both Redis servers would listen on free ports."""
    text = (
        f"[redis]\nport = {port}\n{settings}\n[redis_durable]\nport = {port}\n{settings}\n"
        f"[postgres]\nport = 1\n[deployment]\ntarget = 'external'\n"
    )
    parsed = parse_settings(text, directory / "rfdata.toml")
    native = parsed.deployment.model_copy(update={"target": "native"})
    env = {name: generate() for name in REDIS_SECRETS}
    return Config(directory, parsed.model_copy(update={"deployment": native}), env, Secret(""))


@dataclass(frozen=True)
class Instance:
    """One server's folder, and the means to start, reach and kill it."""

    config: Config
    server: Server
    paths: RedisPaths
    extra: str = ""
    """Lines added to redis.conf: a misconfiguration."""
    acl_text: str = ""
    """Another ACL file than ours."""
    started: list[int] = field(default_factory=list)

    @property
    def conf(self) -> Path:
        return self.paths.acl.with_name("redis.conf")

    @property
    def port(self) -> int:
        return self.config.settings.redis.port

    @property
    def pid(self) -> int:
        return self.started[-1]

    def login(self, user: User = "admin") -> Login:
        return managed(self.config, self.server, "127.0.0.1", self.port, user)

    @contextmanager
    def session(self, user: User = "admin") -> Iterator[Session]:
        with session(self.login(user), TIMEOUT) as line:
            yield line

    def write(self) -> None:
        """The files that the server reads, as the target would write them."""
        owner = Owner.named(USER)
        passwords = {user: password(self.config, self.server, user) for user in USERS}
        text = render(desired(self.config, self.server, self.paths)) + self.extra
        files.write(self.conf, text, mode=0o600, owner=owner)
        content = self.acl_text or acl.render(passwords)
        files.write(self.paths.acl, content, mode=0o600, owner=owner)

    def launch(self) -> None:
        """Start, without a look at what becomes of it."""
        self.paths.pid.unlink(missing_ok=True)
        shell.run(shell.Command((REDIS_SERVER, str(self.conf)), user=USER, cwd=self.paths.data))

    def start(self) -> None:
        """Start, and wait until it has loaded its data."""
        before = len(self.log_text())
        self.launch()
        deadline = monotonic() + 10
        while "Ready to accept connections" not in self.log_text()[before:]:
            assert monotonic() < deadline, self.log_text()[before:]
            sleep(0.01)
        self.started.append(int(self.paths.pid.read_text()))

    def log_text(self) -> str:
        return self.paths.log.read_text() if self.paths.log.exists() else ""

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.wait_gone()

    def wait_gone(self) -> None:
        _wait_gone(self.pid)


def _wait_gone(pid: int) -> None:
    deadline = monotonic() + 10
    while alive(pid):
        assert monotonic() < deadline
        sleep(0.005)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def prepare(folder: Path, server: Server, settings: str = "") -> Instance:
    """Folders, CA, certificate and files of one server; nothing runs yet."""
    config = make_config(folder, free_port(), settings)
    root = folder / server
    for name in ("data", "log", "run", "conf", "tls"):
        files.make_directory(root / name, mode=0o700, owner=Owner.named(USER))
    files.make_directory(folder / "certs")
    authority.issue_authority(folder / "certs", 30, "rfdata tests", 1)
    names = default_names(config, server)
    authority.issue_certificate(folder / "certs", root / "tls", names, 10, Owner.named(USER))
    paths = RedisPaths(
        data=root / "data",
        log=root / "log" / "redis.log",
        pid=root / "run" / "redis.pid",
        acl=root / "conf" / "users.acl",
        tls=root / "tls",
    )
    return Instance(config, server, paths)


Launch = Callable[..., Instance]


@contextmanager
def launcher() -> Iterator[Launch]:
    """Starts servers, and takes them and their folders away afterwards."""
    with ExitStack() as stack:

        def launch(
            server: Server = "redis",
            *,
            settings: str = "",
            extra: str = "",
            acl_text: str = "",
            name: str = "d",
            start: bool = True,
        ) -> Instance:
            base = Path(tempfile.mkdtemp(prefix="rfdata-test-")).resolve()
            stack.callback(shutil.rmtree, base)
            base.chmod(0o755)
            folder = base / name
            files.make_directory(folder)
            instance = replace(prepare(folder, server, settings), extra=extra, acl_text=acl_text)
            instance.write()
            stack.callback(_end, instance)
            if start:
                instance.start()
            return instance

        yield launch


def _end(instance: Instance) -> None:
    """Kill what still runs, also what never became ready: only a process in this data folder."""
    with suppress(FileNotFoundError, ValueError):
        instance.started.append(int(instance.paths.pid.read_text()))
    for pid in instance.started:
        with suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{pid}/cwd").readlink() == instance.paths.data:
                os.kill(pid, signal.SIGKILL)
                _wait_gone(pid)


@pytest.fixture
def launch() -> Iterator[Launch]:
    with launcher() as launch:
        yield launch


@pytest.fixture(scope="module")
def running() -> Iterator[Instance]:
    """One well configured server for tests that only look."""
    with launcher() as launch:
        yield launch()
