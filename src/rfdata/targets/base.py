"""The small interface that every target implements; one contract suite runs over all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from rfdata.config.load import Config
from rfdata.model.facts import Facts, Limits, Server
from rfdata.model.plan import Action, MakeDirectory, SetAccess, WriteFile

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

Progress = Callable[[str], None]
"""Called with a short sentence whenever something that takes time begins."""


@dataclass(frozen=True)
class Desired:
    """What the target's place should look like, worked out from the configuration alone."""

    users: tuple[str, ...]
    folders: tuple[MakeDirectory, ...]
    """In the order in which they must be made."""
    files: tuple[WriteFile, ...]
    """Rendered files that can be written before initdb has run."""
    data_files: tuple[WriteFile, ...]
    """Rendered files inside PostgreSQL's data folder: written after initdb."""
    certificates: dict[Server, tuple[str, ...]]
    """Names for each server's certificate."""
    keys: Mapping[Server, SetAccess]
    """Where each server's private key lies, whose it is and who may read it."""
    ca_key: SetAccess
    initdb_arguments: tuple[str, ...]
    limits: dict[Server, Limits]
    postgres: Mapping[str, Any]
    """What `postgres.settings.desired` gives: for `postgres.settings.differences`."""
    redis: Mapping[Server, Mapping[str, Any]]
    """What `redis.settings.desired` gives for "redis" and "redis-durable"."""
    acl_files: Mapping[Server, Path]
    """Each Redis server's ACL file; one of `files`, its change needs a reload."""


class Target(Protocol):
    """A place where a layer runs."""

    @property
    def kind(self) -> Literal["native", "compose", "external"]: ...

    @property
    def can_change(self) -> bool:
        """False for someone else's servers: `execute` and `stop` refuse with UsageError."""
        ...

    def desired(self, config: Config, facts: Facts) -> Desired:
        """What should be there. Pure: facts say which programs and locales this place has."""
        ...

    def gather(self, config: Config) -> Facts:
        """Read everything, concurrently, each fact within `verify.fact_timeout`. Changes nothing."""
        ...

    def execute(self, config: Config, action: Action, progress: Progress) -> None:
        """Do one step. Doing it twice does no harm. Raises ChangeFailed with how to go on."""
        ...

    def database(self, config: Config) -> AbstractContextManager[Session]:
        """A session on the deployment's database, autocommit: the operator's on our own servers,
        that of DATABASE_URL's role, which only reads, on someone else's. Raises Unreachable."""
        ...

    def stop(self, config: Config, progress: Progress) -> tuple[Server, ...]:
        """Stop what runs, keep the data; returns those that were running."""
        ...


@dataclass(frozen=True)
class Place:
    """Where one server listens, for clients on this machine."""

    host: str
    port: int
    socket: Path | None = None
    """The folder of the operator's unix socket, where there is one."""
