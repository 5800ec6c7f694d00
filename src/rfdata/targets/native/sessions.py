"""The operator's connections to PostgreSQL, kept open from one SQL step to the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from rfdata.postgres.client import operator
from rfdata.targets.native.site import Site

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow


class Sessions:
    """One connection a database. To be closed before servers stop and before anything is read anew.

    A plan has some fifty SQL steps, and a connection costs more than most of them.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._open: dict[str, Connection[TupleRow]] = {}

    @contextmanager
    def connect(self, site: Site, database: str) -> Iterator[Connection[TupleRow]]:
        """The connection to this database; after an error all are closed."""
        if database not in self._open:
            port = site.place("postgres").port
            opened = operator(site.layout.socket_folder, port, database)
            self._open[database] = self._stack.enter_context(opened)
        try:
            yield self._open[database]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._open.clear()
        self._stack.close()
