"""The database that everybody migrates: made anew from the same template before every run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from benchmarks.deployment import Deployment, Server, temporary
from benchmarks.migrations import layout

_PRISTINE = "benchmark_pristine"
_COLUMNS = """
    SELECT relname, relkind::text, attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum)
    FROM pg_class AS relation JOIN pg_attribute ON attrelid = relation.oid AND attnum > 0
    WHERE relnamespace = 'bench'::regnamespace
    ORDER BY relname, attnum
"""


@dataclass(frozen=True)
class Place:
    deployment: Deployment
    server: Server

    @property
    def sources(self) -> Path:
        return self.deployment.folder / "migrations"

    def renew(self) -> None:
        """An empty database, as `rfdata up` leaves one before it migrates."""
        name, owner = self.server.database, f"{self.server.database}_owner"
        with self._session("postgres") as session:
            session.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
            session.execute(
                SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                    Identifier(name), Identifier(owner), Identifier(_PRISTINE)
                )
            )
            session.execute("CHECKPOINT")

    def what_there_is(self) -> tuple[object, ...]:
        """Every column of what the migrations made, and how many rows: the same after each tool."""
        with self._session(self.server.database) as session:
            columns = session.execute(_COLUMNS).fetchall()
            tables = dict.fromkeys(name for name, kind, *_ in columns if kind == "r")
            counts = SQL(" + ").join(
                SQL("(SELECT count(*) FROM bench.{})").format(Identifier(str(name)))
                for name in tables
            )
            rows = session.execute(SQL("SELECT {}").format(counts)).fetchone()
        return (*columns, rows)

    def _session(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        host, port = str(self.server.socket), self.server.port
        return psycopg.connect(
            host=host, port=port, dbname=database, user="postgres", autocommit=True
        )

    def make_template(self) -> None:
        """A database with the extension and nothing else."""
        with self._session("postgres") as session:
            session.execute(SQL("CREATE DATABASE {}").format(Identifier(_PRISTINE)))
        with self._session(_PRISTINE) as session:
            session.execute("CREATE EXTENSION vector")


@contextmanager
def place(count: int) -> Iterator[Place]:
    """A deployment whose folder has the thousand, with none of them applied.

    In the dev profile: prod asks for a rehearsal and a backup first. The servers are the same.
    """
    with temporary("dev") as deployment:
        deployment.up()
        made = Place(deployment, deployment.postgres())
        made.make_template()
        shutil.rmtree(made.sources)
        layout.rfdata(made.sources, count)
        yield made
