"""What the tests of rehearsals share: a database with tables and rows, and rehearsing on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from tests.migrations.conftest import OWNER, Scratch
from tests.migrations.running import AUTHOR, IDENTITY

from rfdata.migrations.copy import Copy, Tools, scratch
from rfdata.migrations.migration import Migration
from rfdata.migrations.rehearse import Rehearsed, rehearse

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

LAB = f"""
SET ROLE {OWNER};
CREATE SCHEMA lab;
CREATE TABLE lab.people (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE lab.notes (id int PRIMARY KEY, person_id int NOT NULL REFERENCES lab.people, note text);
INSERT INTO lab.people SELECT n, 'person ' || n FROM generate_series(1, 100) AS n;
INSERT INTO lab.notes SELECT n, n, 'note' FROM generate_series(1, 50) AS n;
CREATE MATERIALIZED VIEW lab.names AS SELECT id, name FROM lab.people;
CREATE UNIQUE INDEX ON lab.names (id);
CREATE TABLE lab.log (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE lab.log_2025 PARTITION OF lab.log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
RESET ROLE
"""


class Laboratory:
    """A live database, and its operator."""

    def __init__(self, scratch: Scratch, content: str = LAB) -> None:
        self.scratch = scratch
        scratch.run(content)

    @property
    def tools(self) -> Tools:
        cluster = self.scratch.cluster
        runtime = cluster.runtime
        return Tools(
            runtime.tool("pg_dump"), runtime.tool("pg_restore"), cluster.paths.socket, cluster.port
        )

    def connect(self, database: str) -> AbstractContextManager[Session]:
        return self.scratch.cluster.operator(database)

    def rehearse(self, *migrations: Migration, **more: Any) -> Rehearsed:
        return self.rehearse_all(migrations, **more)

    def rehearse_all(self, migrations: Sequence[Migration], **more: Any) -> Rehearsed:
        return rehearse(
            self.connect, self.scratch.name, migrations, identity=IDENTITY, author=AUTHOR, **more
        )

    def copy(self, tools: Tools | None = None, **more: Any) -> AbstractContextManager[Copy]:
        return scratch(self.connect, self.scratch.name, tools, **more)

    def copies(self) -> list[str]:
        """The names of what rehearsals have made and not dropped."""
        pattern = f"{self.scratch.name}_rehearsal_%"
        rows = self.scratch.run("SELECT datname FROM pg_database WHERE datname LIKE %s", pattern)
        return [name for (name,) in rows]


def until(true: Callable[[], object]) -> None:
    """Asks again and again; the test's own time limit is the only one."""
    while not true():
        pass
