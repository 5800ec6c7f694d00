"""Where everything of a native deployment lies. Of the disk, only symbolic links are looked at."""

from __future__ import annotations

import hashlib
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from rfdata.config.load import Config
from rfdata.model.facts import SERVERS, Server

SOCKET_PATH_LIMIT = 107
"""Bytes of a unix socket's path that the kernel takes (sun_path, without its final zero)."""

MARKER = "deployment"
TLS_CURRENT = "current"


@dataclass(frozen=True)
class Home:
    """One server's folders; all of them belong to its system user."""

    server: Server
    user: str
    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def conf(self) -> Path:
        """Redis's configuration and ACL; PostgreSQL's files lie in its data folder."""
        return self.root / "conf"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def tls(self) -> Path:
        return self.root / "tls"

    @property
    def pid_file(self) -> Path:
        if self.server == "postgres":
            return self.data / "postmaster.pid"
        return self.run / "redis.pid"

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops this server."""
        return self.root.parent / "agent" / f"{self.server}.lock"

    @property
    def startup_log(self) -> Path:
        """What it said at its last start before it had a log. Ours: no link of its user leads us astray."""
        return self.root.parent / "agent" / f"{self.server}-start.log"

    @property
    def log_pattern(self) -> str:
        """Glob of the server's own log files."""
        return "postgresql-*.log" if self.server == "postgres" else "redis.log*"


@dataclass(frozen=True)
class Layout:
    deployment: Path
    state: Path
    identity: str
    """Name and a short hash of the state folder: unique among the deployments of this host."""
    own_user: str
    """Who runs rfdata, and owns what no server has to read."""
    homes: tuple[Home, ...]
    socket_folder: Path
    """Where PostgreSQL's unix socket lies."""

    @property
    def agent(self) -> Path:
        return self.state / "agent"

    @property
    def marker(self) -> Path:
        return self.state / MARKER

    def home(self, server: Server) -> Home:
        return self.homes[SERVERS.index(server)]

    @property
    def servers_users(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(home.user for home in self.homes))


def layout(config: Config) -> Layout:
    """The deployment's places, for whoever we are: as root the servers run as their own users."""
    native = config.settings.native
    directory = _real(config.directory)
    state = _real(Path(native.state)) if native.state else directory / "var"
    own = _own_user()
    postgres, redis = (native.postgres_user, native.redis_user) if os.geteuid() == 0 else (own, own)
    users: dict[Server, str] = {"postgres": postgres, "redis": redis, "redis-durable": redis}
    short = hashlib.sha256(os.fsencode(state)).hexdigest()[:10]
    return Layout(
        deployment=directory,
        state=state,
        identity=f"{config.settings.deployment.name}-{short}",
        own_user=own,
        homes=tuple(Home(server, users[server], state / server) for server in SERVERS),
        socket_folder=_socket_folder(
            state / "postgres" / "run", config.settings.postgres.port, short
        ),
    )


def _socket_folder(preferred: Path, port: int, short: str) -> Path:
    """Beside the data; where that path is too long for a socket, a short private one."""
    if len(os.fsencode(preferred / f".s.PGSQL.{port}")) <= SOCKET_PATH_LIMIT:
        return preferred
    if os.geteuid() == 0:
        return Path("/run/rfdata") / short
    return Path(f"/tmp/rfdata-{os.geteuid()}-{short}")  # noqa: S108 - 0700, its owner is checked


def _real(path: Path) -> Path:
    """Without symbolic links: servers report their folders so, and links may move."""
    return Path(os.path.realpath(path))


def _own_user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
