"""One simple-query message to the server, however many statements it holds, and what came back.

psycopg's cursors would do, but for four things that a migration needs: how many statements ended
well before one failed, what to do while the server keeps us waiting, COPY that must not hang the
connection, and results that must not fill the memory.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg import Error
    from psycopg.pq.abc import PGconn, PGresult

    from rfdata.migrations.migration import Session

FORBIDDEN = "\0"
"""Ends a message: what comes after it would never reach the server."""

Idle = Callable[[], None]
"""Called while the server keeps us waiting."""

_NO_DATA = b"a migration has no data to send: COPY FROM STDIN is psql's"


@dataclass(slots=True)
class Answer:
    """What the server said to one message."""

    done: int = 0
    """Statements that ended well."""
    tag: str = ""
    """The last one's, for example "INSERT 0 1"."""
    value: str = ""
    """The last row's first column."""
    prepared: bool = False
    """Whether one of them was PREPARE."""
    error: Error | None = None
    lost: bool = False
    """Whether the connection ended: what was asked may or may not have been done."""

    @property
    def sqlstate(self) -> str:
        return (self.error.sqlstate or "") if self.error else ""


def send(
    session: Session,
    *parts: str,
    idle: Idle | None = None,
    after: float = 1.0,
) -> Answer:
    """Send the parts as one message and wait for all of its results.

    `idle` is called each time that nothing came for `after` seconds. Ctrl-C cancels what runs on the
    server, and waits until it has ended. Never raises for what the server says: see `Answer`.
    """
    import psycopg

    message = b"".join(part.encode() for part in parts)
    if FORBIDDEN.encode() in message:
        raise ValueError("a NUL would cut the message")
    answer = Answer()
    try:
        session.pgconn.send_query(message)
        session.pgconn.set_single_row_mode()
        try:
            _collect(session.pgconn, answer, idle, round(after * 1000))
        except BaseException:
            with suppress(psycopg.Error):
                session.cancel_safe(timeout=10)
                _collect(session.pgconn, answer, None, -1)
            raise
    except psycopg.Error as error:
        answer.error = answer.error or error
    answer.lost = session.pgconn.status != psycopg.pq.ConnStatus.OK
    return answer


def _collect(pgconn: PGconn, answer: Answer, idle: Idle | None, timeout: int) -> None:
    """All results of what was sent; `timeout` in milliseconds, -1 for none."""
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN)
    while pgconn.flush():
        poll.modify(pgconn.socket, select.POLLIN | select.POLLOUT)
        if any(event & ~select.POLLOUT for _, event in poll.poll()):
            pgconn.consume_input()
    poll.modify(pgconn.socket, select.POLLIN)
    while True:
        while pgconn.is_busy():
            if poll.poll(timeout if idle else None):
                pgconn.consume_input()
            elif idle:
                idle()
        result = pgconn.get_result()
        if result is None:
            return
        _take(pgconn, result, answer)


def _take(pgconn: PGconn, result: PGresult, answer: Answer) -> None:
    from psycopg.errors import error_from_result
    from psycopg.pq import ExecStatus

    match result.status:
        case ExecStatus.SINGLE_TUPLE | ExecStatus.TUPLES_OK | ExecStatus.COMMAND_OK:
            if result.ntuples and result.nfields:
                answer.value = (result.get_value(0, 0) or b"").decode()
            if result.status == ExecStatus.SINGLE_TUPLE:
                return
            answer.done += 1
            answer.tag = (result.command_status or b"").decode()
            answer.prepared = answer.prepared or answer.tag == "PREPARE"
        case ExecStatus.EMPTY_QUERY:
            pass
        case ExecStatus.COPY_IN:
            pgconn.put_copy_end(_NO_DATA)
        case ExecStatus.COPY_OUT:
            _drain(pgconn)
        case _:
            answer.error = answer.error or error_from_result(result)


def _drain(pgconn: PGconn) -> None:
    """What a COPY TO STDOUT prints is nobody's here."""
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN)
    while True:
        count, _ = pgconn.get_copy_data(1)
        if count < 0:
            return
        if not count:
            poll.poll()
            pgconn.consume_input()
