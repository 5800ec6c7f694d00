"""One rfdata at a time migrates a database; the others wait for it.

What makes sure that nothing is applied twice is the ledger's primary key; this only lets those who
come at the same time wait their turn instead of failing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rfdata.errors import Unreachable
from rfdata.migrations.migration import Patience
from rfdata.migrations.queries import query

if TYPE_CHECKING:
    from rfdata.migrations.migration import Session

KEY = 0x7266_6461_7461_0001
""""rfdata" and a number, as bytes. Advisory locks belong to one database."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25


@contextmanager
def alone(
    session: Session,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Hold the database's advisory lock. May be nested in the same session.

    It is asked for again and again (pg_try_advisory_lock): a session that waits inside
    pg_advisory_lock has a snapshot, and the other's CREATE INDEX CONCURRENTLY waits for all
    snapshots to end: both would wait for ever. Raises Unreachable after `advisory_timeout`.
    """
    import psycopg

    deadline = time.monotonic() + patience.advisory_timeout
    pause = _FIRST_PAUSE
    while not _granted(session):
        left = deadline - time.monotonic()
        who = _holder(session)
        if left <= 0:
            raise Unreachable(
                f"{who} is migrating this database, and did not end within "
                f"{patience.advisory_timeout:g} s",
                hint="wait for it and run this again, or end it if it hangs: what it had begun is "
                "taken back by the server",
            )
        progress(f"waits for {who}, which is migrating this database")
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)
    try:
        yield
    finally:
        with suppress(psycopg.Error):  # a session that has ended holds no lock
            session.execute("SELECT pg_advisory_unlock(%s)", [KEY])


def _granted(session: Session) -> bool:
    row = session.execute("SELECT pg_try_advisory_lock(%s)", [KEY]).fetchone()
    return bool(row and row[0])


def _holder(session: Session) -> str:
    rows = session.execute(query("runner_lock_holder"), {"key": KEY}).fetchall()
    if not rows:
        return "another session"
    pid, user, application = rows[0]
    return f"the session with pid {pid} ({user}, {application or 'no application_name'})"
