"""Thin connections to Redis over verified TLS: one socket, no pool, no retries, no automatic decoding.

redis-py is imported only when a connection is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext
from typing import Any
from urllib.parse import unquote, urlsplit

from rfdata.config.load import Config
from rfdata.errors import NotPermitted, Unreachable
from rfdata.model.facts import Server
from rfdata.redis.instance import User, password, prefix
from rfdata.secrets import Secret
from rfdata.tls.handshake import trusting


class Refused(Unreachable):
    """The server answered, with an error."""


class Denied(Refused, NotPermitted):
    """The server let the user in, but not to this command."""


@dataclass(frozen=True, slots=True)
class Login:
    """Where a server is, and as whom to go in."""

    host: str
    port: int
    user: str | None
    """None: only the password is sent, as servers without users want it."""
    password: Secret | None
    tls: bool = True
    ca_file: Path | None = None
    """None: trust what the system trusts."""
    database: int = 0

    @property
    def where(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Session:
    """An open connection. `call` takes a command's words and returns the server's plain answer."""

    def __init__(self, connection: Any, where: str) -> None:
        self._connection = connection
        self._where = where

    def call(self, *words: str | int) -> Any:
        """Send one command. Raises Refused for an error answer, Unreachable for a broken line."""
        with _translated(self._where):
            self._connection.send_command(*words)
            return self._connection.read_response()

    def pairs(self, *words: str | int) -> dict[str, str]:
        """The same for commands that answer name, value, name, value."""
        flat = self.call(*words)
        return {str(name): str(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}


@contextmanager
def session(login: Login, timeout: float) -> Iterator[Session]:
    """Connect and log in. `timeout` in seconds holds for connecting and for each answer."""
    with _translated(login.where):
        connection = _connection(login, timeout)
        connection.connect()
    try:
        yield Session(connection, login.where)
    finally:
        with suppress(OSError):
            connection.disconnect()


def managed(config: Config, server: Server, host: str, port: int, user: User) -> Login:
    """The way into a server of ours, as one of its three users."""
    return Login(host, port, user, password(config, server, user), ca_file=config.ca_file)


def foreign(config: Config, server: Server) -> Login:
    """The way into someone else's server, from REDIS_URL (or REDIS_DURABLE_URL) in .env."""
    variable = f"{prefix(server)}_URL"
    url = config.env.get(variable)
    if url is None or not len(url):
        raise Unreachable(
            f"{variable} is not in .env", hint=f"add {variable}=rediss://:PASSWORD@HOST:PORT/0"
        )
    return parse_url(url, variable, _foreign_ca(config))


def parse_url(url: Secret, variable: str, ca_file: Path | None) -> Login:
    """A redis:// or rediss:// URL taken apart. Raises Unreachable, without the URL in the message."""
    refusal = Unreachable(
        f"{variable} is not a Redis URL", hint="rediss://[USER]:PASSWORD@HOST:PORT/DATABASE"
    )
    try:
        parts = urlsplit(url.reveal())
        port = parts.port or 6379
    except ValueError:
        raise refusal from None
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise refusal
    database = parts.path.strip("/")
    return Login(
        host=parts.hostname,
        port=port,
        user=unquote(parts.username) if parts.username else None,
        password=Secret(unquote(parts.password)) if parts.password else None,
        tls=parts.scheme == "rediss",
        ca_file=ca_file,
        database=int(database) if database.isdecimal() else 0,
    )


def _foreign_ca(config: Config) -> Path | None:
    return config.ca_file if "TLS_CA_FILE" in config.env else None


def _connection(login: Login, timeout: float) -> Any:
    """redis-py's own connection; its methods carry no types, hence Any."""
    from redis.backoff import NoBackoff
    from redis.connection import Connection
    from redis.retry import Retry

    options: dict[str, Any] = {
        "host": login.host,
        "port": login.port,
        "db": login.database,
        "username": login.user,
        "password": login.password.reveal() if login.password is not None else None,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
        "decode_responses": True,
        "encoding_errors": "replace",
    }
    kind: Any = _secured(trusting(login.ca_file)) if login.tls else Connection
    return kind(**options)


def _secured(context: SSLContext) -> Any:
    """A connection over this context.

    redis-py's own trusts every CA of this machine besides the one that it is given, and reading
    those takes 40 ms a connection.
    """
    from redis.connection import Connection

    class Secured(Connection):
        def _connect(self) -> Any:
            plain = super()._connect()  # type: ignore[no-untyped-call]
            try:
                return context.wrap_socket(plain, server_hostname=self.host)
            except OSError:
                plain.close()
                raise

    return Secured


@contextmanager
def _translated(where: str) -> Iterator[None]:
    """redis-py's errors in our words; neither holds what was sent."""
    from redis import exceptions

    try:
        yield
    except exceptions.NoPermissionError as error:
        raise Denied(f"{where}: the server refused: {error}") from error
    except (exceptions.AuthenticationError, exceptions.ResponseError) as error:
        raise Refused(f"{where}: the server refused: {error}") from error
    except exceptions.TimeoutError as error:
        raise Unreachable(f"{where}: no answer in time") from error
    except (exceptions.RedisError, OSError) as error:
        raise Unreachable(f"{where}: {error}") from error
