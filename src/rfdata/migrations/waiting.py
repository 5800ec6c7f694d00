"""What did not get its lock in time is begun again, after longer and longer pauses; who was in the
way is found out meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rfdata.migrations.acting import Acting, first
from rfdata.migrations.failures import Tried
from rfdata.migrations.message import Idle
from rfdata.migrations.migration import Directives
from rfdata.migrations.queries import query

if TYPE_CHECKING:
    from rfdata.migrations.migration import Session

AGAIN = {
    "55P03": "did not get its lock",
    "40P01": "was in a deadlock",
    "40001": "met a concurrent change",
}
"""SQLSTATEs of what may go well the next time: lock_timeout, deadlock, serialization."""

_FIRST, _LONGEST = 0.1, 2.0
"""Pauses, as multiples of the lock timeout."""

Attempt = Callable[[Idle | None, float], Tried]
"""Given what to call when nothing came for so many seconds."""


def patiently(
    acting: Acting, name: str, directives: Directives, attempt: Attempt
) -> tuple[Tried, str]:
    """The first attempt that had nobody in its way, or the last one.

    With it comes a sentence of how often it was tried and who was in the way, empty where
    nobody was. Each attempt must leave nothing behind when it fails.
    """
    patience = acting.patience
    timeout = first(directives.lock_timeout, patience.lock_timeout)
    number = 0
    while True:
        # the first attempt is not watched: most get their lock, and that costs a connection
        watched = number > 0 or not patience.lock_retries
        with _watch(acting, name, enabled=watched) as (idle, blockers):
            tried = attempt(idle, max(timeout / 3, 0.01))
        why = AGAIN.get(tried.answer.sqlstate)
        if why is None or tried.answer.lost:
            return tried, ""
        if number == patience.lock_retries:
            break
        pause = timeout * min(_FIRST * 2**number, _LONGEST)
        number += 1
        acting.progress(
            f"{name} {why} (waited {timeout:g} s), and is begun again in {pause:.2g} s: "
            f"{number} of {patience.lock_retries}"
        )
        if tried.prepared:
            acting.forget_prepared()
        time.sleep(pause)
    times = "once" if not number else f"{number + 1} times"
    return (
        tried,
        f"it was begun {times}, and waited {timeout:g} s for each lock; {_named(blockers)}",
    )


def _named(blockers: list[str]) -> str:
    if not blockers:
        return "who was in its way could not be seen"
    return f"in its way: {'; '.join(blockers)}"


@contextmanager
def _watch(acting: Acting, name: str, *, enabled: bool) -> Iterator[tuple[Idle | None, list[str]]]:
    """What to call while the server keeps us waiting; it fills the list with who is in the way.

    It looks from a second connection, since this one is busy; where there can't be one, nobody is
    seen.
    """
    import psycopg

    info = acting.session.info
    pid = info.backend_pid
    blockers: list[str] = []
    second: list[Session] = []

    def look() -> None:
        with suppress(psycopg.Error):
            if not second:
                password = info.password or None
                second.append(psycopg.connect(info.dsn, password=password, autocommit=True))
            found = [_session(row) for row in _blockers(second[0], pid)]
            if found and found != blockers:
                acting.progress(f"{name} waits: {'; '.join(found)}")
                blockers[:] = found

    try:
        yield (look if enabled else None), blockers
    finally:
        for session in second:
            session.close()


def _blockers(session: Session, pid: int) -> list[tuple[int, str, str, str, str]]:
    return session.execute(query("runner_blockers"), {"pid": pid}).fetchall()


def _session(row: tuple[int, str, str, str, str]) -> str:
    pid, user, application, state, since = row
    if not pid:
        return "a prepared transaction (pg_prepared_xacts)"
    details = (user, application, state, since and f"its last query began {since} UTC")
    return f"pid {pid} ({', '.join(detail for detail in details if detail)})"
