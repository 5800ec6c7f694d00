"""The two Redis servers by name, and what differs between them: section, variables, paths in `Facts`."""

from __future__ import annotations

from typing import Literal

from rfdata.config.load import Config
from rfdata.config.schema import Redis
from rfdata.model.facts import Server
from rfdata.secrets import Secret

RedisServer = Literal["redis", "redis-durable"]
REDIS_SERVERS: tuple[RedisServer, ...] = ("redis", "redis-durable")

User = Literal["default", "admin", "monitor"]
"""default: the services; admin: this tool; monitor: whoever watches."""
USERS: tuple[User, ...] = ("default", "admin", "monitor")

_VARIABLES: dict[User, str] = {
    "default": "PASSWORD",
    "admin": "ADMIN_PASSWORD",
    "monitor": "MONITOR_PASSWORD",
}


def section(config: Config, server: Server) -> Redis:
    """This server's section of rfdata.toml."""
    return config.settings.redis_durable if server == "redis-durable" else config.settings.redis


def variable(server: Server, user: User) -> str:
    """The variable of .env that holds a user's password.

    >>> variable("redis-durable", "admin")
    'REDIS_DURABLE_ADMIN_PASSWORD'
    """
    return f"{prefix(server)}_{_VARIABLES[user]}"


def prefix(server: Server) -> str:
    """What this server's variables in .env begin with."""
    return field(server).upper()


def field(server: Server) -> str:
    """Its name in `Facts`.

    >>> field("redis-durable")
    'redis_durable'
    """
    return server.replace("-", "_")


def password(config: Config, server: Server, user: User) -> Secret:
    """A user's password from .env."""
    return config.secret(variable(server, user))
