"""Connections to PostgreSQL: the operator's over the unix socket, and the roles' own over TLS.

psycopg is imported where it is used: a program that only plans never pays for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rfdata.config.load import ENV, Config
from rfdata.errors import NotPermitted, Unreachable, UsageError
from rfdata.postgres.desired_roles import SUPERUSER, roles
from rfdata.secrets import Secret

if TYPE_CHECKING:
    from psycopg import Connection, Error
    from psycopg.rows import TupleRow

    Session = Connection[TupleRow]

MAINTENANCE = "postgres"
"""The database that is always there."""

TIMEOUT = 10.0
"""Seconds until a connection is given up."""

_NO_FILE = f"{os.devnull}/none"
"""Names no file: neither ~/.pgpass nor a client certificate of the person's own may help."""


@dataclass(frozen=True, slots=True)
class Login:
    """How one role gets in over the network."""

    host: str
    port: int
    database: str
    user: str
    password: Secret
    sslmode: str
    """As libpq names it: verify-full for our own servers, whatever DATABASE_URL says for others'."""
    ca: str
    """The CA's file; "system" for those of this machine; empty for libpq's own choice."""


def login(config: Config, role: str | None = None) -> Login:
    """The app's way in, or another of our roles'; on an external target, DATABASE_URL's."""
    if config.target == "external":
        return _from_url(config)
    settings = config.settings.postgres
    user = role or settings.user
    variable = roles(config)[user].password_variable
    if variable is None:
        raise UsageError(f"{user} does not log in", hint="connect as another role")
    return Login(
        host=settings.host,
        port=settings.port,
        database=settings.database,
        user=user,
        password=config.secret(variable),
        sslmode="verify-full",
        ca=str(config.ca_file),
    )


@contextmanager
def operator(
    socket: Path,
    port: int,
    database: str = MAINTENANCE,
    *,
    timeout: float = TIMEOUT,
    read_only: bool = False,
) -> Iterator[Connection[TupleRow]]:
    """The superuser over the unix socket: the server knows us by our system user (peer).

    Autocommit, unless `read_only`: then every query runs in a transaction that can't write.
    Raises Unreachable, also for what goes wrong inside the block.
    """
    with socket_host(socket) as host:
        parameters = {"host": host, "port": port, "dbname": database, "user": SUPERUSER}
        with _connected(parameters, timeout, read_only) as connection:
            yield connection


@contextmanager
def service(
    config: Config,
    role: str | None = None,
    database: str | None = None,
    *,
    timeout: float = TIMEOUT,
    read_only: bool = False,
) -> Iterator[Connection[TupleRow]]:
    """A role over TLS, with the server's certificate and name verified. Raises Unreachable.

    Someone else's server is reached just as DATABASE_URL says: that is how the services do it, and
    whether it is good enough is for the checks to say.
    """
    known = login(config, role)
    parameters = {
        "host": known.host,
        "port": known.port,
        "dbname": database or known.database,
        "user": known.user,
        "password": known.password.reveal(),
        "sslmode": known.sslmode,
    }
    if known.ca:
        parameters["sslrootcert"] = known.ca
    with _connected(parameters, timeout, read_only) as connection:
        yield connection


def ask(
    connection: Connection[TupleRow], name: str, parameters: Mapping[str, object] | None = None
) -> list[TupleRow]:
    """The rows of the query in `sql/NAME.sql`, in a transaction of its own.

    Raises Unreachable with the server's reason; the connection stays usable.
    """
    import psycopg

    try:
        with connection.transaction(), connection.cursor() as cursor:
            return cursor.execute(query(name), parameters).fetchall()
    except psycopg.errors.InsufficientPrivilege as error:
        raise NotPermitted(f"{name}: {explained(error)}") from error
    except psycopg.Error as error:
        raise Unreachable(f"{name}: {explained(error)}") from error


@cache
def query(name: str) -> bytes:
    """The text of `sql/NAME.sql`."""
    return (resources.files("rfdata.postgres") / "sql" / f"{name}.sql").read_bytes()


def explained(error: Error) -> str:
    """One line of what the server or the client library said; never the statement itself."""
    text = error.diag.message_primary or str(error).strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[0] if lines else type(error).__name__
    return line.rpartition("FATAL:  ")[2].removeprefix("connection failed: ")


@contextmanager
def _connected(
    parameters: Mapping[str, Any], timeout: float, read_only: bool
) -> Iterator[Connection[TupleRow]]:
    import psycopg

    try:
        with psycopg.connect(
            **parameters,
            connect_timeout=max(2, round(timeout)),
            application_name="rfdata",
            client_encoding="UTF8",
            gssencmode="disable",
            options="",
            passfile=_NO_FILE,
            sslcert=_NO_FILE,
            sslkey=_NO_FILE,
            sslcrl="",
            target_session_attrs="any",
            hostaddr="",
            autocommit=not read_only,
        ) as connection:
            connection.read_only = read_only or None
            yield connection
    except psycopg.Error as error:
        place = f"{parameters['host']}:{parameters['port']}"
        raise Unreachable(
            f"PostgreSQL at {place}, database {parameters['dbname']}, "
            f"as {parameters['user']}: {explained(error)}"
        ) from _without_secrets(error)


def _without_secrets(error: Error) -> Error | None:
    """The cause to keep: an error of the server's quotes the statement, and with it what was in it."""
    return None if error.diag.message_primary else error


@contextmanager
def socket_host(socket: Path) -> Iterator[str]:
    """The socket's folder as libpq's `host`, which takes a comma for the end of a host.

    Such a folder is named through a descriptor of ours instead, also for programs that we run.
    """
    if "," not in str(socket):
        yield str(socket)
        return
    try:
        descriptor = os.open(socket, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Unreachable(f"{socket}: {error.strerror}") from error
    try:
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _from_url(config: Config) -> Login:
    """DATABASE_URL taken apart by libpq itself; its password never reaches a message."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    where = config.directory / ENV
    try:
        parts = conninfo_to_dict(config.secret("DATABASE_URL").reveal())
    except psycopg.Error:
        raise UsageError(
            f"{where}: DATABASE_URL is not a PostgreSQL URL",
            hint="postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters percent-encoded",
        ) from None
    host = str(parts.get("host") or "").split(",")[0]
    user = str(parts.get("user") or "")
    if not host or host.startswith("/") or not user:
        raise UsageError(
            f"{where}: DATABASE_URL names no {'user' if host and not user else 'host'}",
            hint="postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        )
    sslmode = str(parts.get("sslmode") or "prefer")
    return Login(
        host=host,
        port=int(str(parts.get("port") or "5432").split(",")[0]),
        database=str(parts.get("dbname") or user),
        user=user,
        password=Secret(str(parts.get("password") or "")),
        sslmode=sslmode,
        ca=str(parts.get("sslrootcert") or _default_ca(config, sslmode)),
    )


def _default_ca(config: Config, sslmode: str) -> str:
    """With sslmode=require a CA's file would make libpq verify after all: then it gets none."""
    if not sslmode.startswith("verify"):
        return ""
    if config.ca_file.exists():
        return str(config.ca_file)
    return "system" if sslmode == "verify-full" else ""
