"""A deployment with the schema in it, and the ways into its database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.deployment import Server, temporary
from benchmarks.schema_load.pgbench import Service

SQL = Path(__file__).with_name("sql")
CONNECTIONS = "300"
"""So that one service may have more than thirty-two: with 200, each has 27."""

Session = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Place:
    server: Server
    environment: dict[str, str]
    """The deployment's .env."""
    ca: Path

    def operator(self) -> Session:
        """Autocommit, with every right; parameters are put into the text, so it may be many statements."""
        return psycopg.connect(
            host=str(self.server.socket),
            port=self.server.port,
            dbname=self.server.database,
            user="postgres",
            autocommit=True,
            cursor_factory=psycopg.ClientCursor,
        )

    def role(self, service: str) -> str:
        return f"{self.server.database}_{service}"

    def service(self, name: str) -> Service:
        """One of the services, as it logs in itself."""
        return Service(
            program=self.server.bin / "pgbench",
            host="127.0.0.1",
            port=self.server.port,
            database=self.server.database,
            role=self.role(name),
            password=self.environment[f"POSTGRES_{name.upper()}_PASSWORD"],
            ca=self.ca,
        )


def script(session: Session, name: str, **parameters: object) -> list[tuple[Any, ...]]:
    """Run `sql/NAME.sql`; the rows of its last statement."""
    text = (SQL / f"{name}.sql").read_text(encoding="utf-8")
    cursor = session.execute(text.encode(), parameters)
    while cursor.nextset():
        pass
    return cursor.fetchall() if cursor.description else []


@contextmanager
def place() -> Iterator[Place]:
    """In the dev profile: prod asks for a rehearsal and a backup first. The servers are the same."""
    with temporary("dev", {"max_connections": CONNECTIONS}) as deployment:
        deployment.up()
        yield Place(deployment.postgres(), deployment.env(), deployment.folder / "certs" / "ca.crt")
