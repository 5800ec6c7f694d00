"""A script in one transaction: it, its proof and its line in the ledger, all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from rfdata.errors import ChangeFailed, Unreachable
from rfdata.migrations.acting import first
from rfdata.migrations.failures import Piece, Tried, told
from rfdata.migrations.job import Job
from rfdata.migrations.lexer import Statement, scan
from rfdata.migrations.message import Idle, send
from rfdata.migrations.proof import untrue
from rfdata.migrations.waiting import AGAIN, patiently

AT_ONCE = 1_000_000
"""Characters of a script that go to the server in one message: it parses all of that first, and
needs many times as much memory for it."""

_BEGIN = "BEGIN;SET LOCAL idle_in_transaction_session_timeout=0;"
_RECORDED = {"up": "INSERT 0 1", "down": "DELETE 1"}


def run(job: Job) -> float:
    """Seconds on the server, by its own clock. Raises ChangeFailed; then nothing of it is left.

    A small script goes to the server with everything around it in one message: one round trip and
    one commit. Where somebody has to look before it is committed, it takes a few more.
    """
    together = job.acting.observer is None and job.proof is None and len(job.script.text) <= AT_ONCE
    attempt = partial(_at_once if together else _opened, job)
    tried, waited = patiently(job.acting, job.migration.name, job.directives, attempt)
    if tried.prepared and not tried.answer.lost:
        job.acting.forget_prepared()
    if tried.failed:
        raise _failure(job, tried, waited)
    if job.acting.session.pgconn.transaction_status or not tried.answer.value:
        raise ChangeFailed(
            f"{job.script.path} went through, but is not in the ledger",
            hint="it ends its own transaction: take that out of it, and say how it stands with "
            f"`rfdata migrate resolve {job.number} --as applied` or `--as not-applied`",
        )
    return float(tried.answer.value)


def _at_once(job: Job, idle: Idle | None, after: float) -> Tried:
    acting = job.acting
    limits = acting.limits(job.directives, local=True)
    parts = limits, job.script.text, acting.cleanup, job.recorded
    answer = send(acting.session, *parts, idle=idle, after=after)
    piece = Piece(job.script, 0, job.script.text, before=limits, leading=limits.count(";"))
    return Tried(answer, piece, prepared=answer.prepared)


def _opened(job: Job, idle: Idle | None, after: float) -> Tried:
    """In a transaction that stays open between messages, until all is seen to be good."""
    tried = _inside(job, idle, after)
    if tried.failed:
        if not tried.answer.lost:
            job.acting.forget()
        return replace(tried, certain=True)
    answer = job.acting.answer(job.recorded, "COMMIT;")
    return replace(tried, answer=answer, piece=Piece(job.script, len(job.script.text), ""))


def _inside(job: Job, idle: Idle | None, after: float) -> Tried:
    """Everything but the ledger and the commit."""
    acting, prepared = job.acting, False
    begin = f"{_BEGIN}{acting.limits(job.directives, local=True)}"
    tried = Tried(acting.answer(begin), Piece(job.script, 0, "", leading=begin.count(";")))
    for piece in _pieces(job):
        if tried.failed:
            return tried
        answer = send(acting.session, piece.text, idle=idle, after=after)
        prepared = prepared or answer.prepared
        tried = Tried(answer, piece, prepared=prepared)
        if acting.observer is not None and not tried.failed:
            acting.observer.statement(acting.session, piece.known[0])
    if tried.failed:
        return tried
    end = Piece(job.script, len(job.script.text), "")
    tried = Tried(acting.answer(acting.cleanup), end, prepared=prepared)
    if job.proof is None or tried.failed:
        return tried
    timeout = first(job.directives.statement_timeout, acting.patience.statement_timeout)
    try:
        return replace(tried, untrue=untrue(acting.session, job.proof, timeout))
    except Unreachable as error:
        raise ChangeFailed(f"{error.message}\n{job.undone}", hint=job.again) from error


def _pieces(job: Job) -> Iterator[Piece]:
    """The script in parts that are sent one after the other."""
    script, batch, size = job.script, list[Statement](), 0
    if job.acting.observer is None and len(script.text) <= AT_ONCE:
        yield Piece(script, 0, script.text)
        return
    for statement in scan(script.text):
        batch.append(statement)
        size += statement.end - statement.start
        if job.acting.observer is not None or size > AT_ONCE:
            yield _piece(job, batch)
            batch, size = [], 0
    if batch:
        yield _piece(job, batch)


def _piece(job: Job, batch: list[Statement]) -> Piece:
    start, end = batch[0].start, batch[-1].end
    return Piece(job.script, start, job.script.text[start:end], known=tuple(batch))


def _failure(job: Job, tried: Tried, waited: str) -> ChangeFailed:
    if tried.untrue and job.proof is not None:
        what = f"{job.proof.path}, {tried.untrue}"
        return ChangeFailed(f"{what}\n{job.undone}", hint=job.again)
    what = told(tried.piece, tried.answer)
    if tried.answer.lost and not tried.certain:
        return ChangeFailed(
            f"{what}\n{job.unknown}",
            hint="run it again: it reads the ledger, and goes on from what is there",
        )
    lines = [what, waited, job.undone]
    hint = job.again
    if tried.answer.sqlstate in AGAIN:
        hint = (
            "run it again when those sessions have ended, or at a quieter time; to wait longer "
            "for each lock, begin the file with `-- rfdata: lock-timeout 10s`"
        )
    return ChangeFailed("\n".join(line for line in lines if line), hint=hint)
