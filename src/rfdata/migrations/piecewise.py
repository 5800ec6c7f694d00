"""A script outside of a transaction: statement by statement, the ledger told after each.

A crash leaves its row as "applying", a failure as "failed": then a person says how to go on, since
nobody else can know whether the last statement was done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256

from rfdata.errors import ChangeFailed, Unreachable, UsageError
from rfdata.migrations.acting import first
from rfdata.migrations.choose import ways_on
from rfdata.migrations.failures import Piece, Tried, told
from rfdata.migrations.job import VERBS, Job
from rfdata.migrations.lexer import Statement, statements
from rfdata.migrations.message import Idle, send
from rfdata.migrations.proof import untrue
from rfdata.migrations.queries import query
from rfdata.migrations.waiting import patiently
from rfdata.postgres.client import explained

_ONCE = frozenset({"CALL", "DO", "VACUUM", "CLUSTER", "REINDEX"})
"""May have done a part of their work before they failed: they are not begun again by themselves."""

_HEAD = 40
"""Tokens among which CONCURRENTLY stands, if it does."""

_KEPT = 2000
"""Characters of an error that the ledger keeps."""


@dataclass(slots=True)
class _Run:
    job: Job
    statements: Sequence[Statement]
    done: int
    since: str = ""
    lock_timeout: str = ""
    """As last set in the session, so that a file's own SET stays."""
    invalid: set[str] = field(default_factory=set)
    """Indexes that were invalid before."""


def run(job: Job) -> float:
    """All of it, from its first statement. Seconds on the server; raises ChangeFailed."""
    found = statements(job.script.text)
    record = job.record
    if job.direction == "up":
        begin = record.insert(job.migration, "applying", len(found))
    else:
        begin = record.begin_down(job.migration, len(found))
    return _go(_Run(job, found, 0), begin)


def resume(job: Job, done: int, done_checksum: str) -> float:
    """From the statement after the `done` first ones, which must be as they were.

    What these have SET is set again. Raises UsageError where they were edited since, or where an
    invalid index would be in the way.
    """
    found = statements(job.script.text)
    if len(found) < done or (done and checksum(found[:done]) != done_checksum):
        raise UsageError(
            f"{job.script.path} was edited in what is done already: its first {done} statements",
            hint="put these back as they were; what comes after them may be changed",
        )
    current = _Run(job, found, done)
    if done < len(found):
        _nothing_in_the_way(current, found[done])
    return _go(current, job.record.resume(job.migration, len(found)))


def checksum(done: Sequence[Statement]) -> str:
    return sha256("\0".join(each.text for each in done).encode()).hexdigest()


def _go(current: _Run, begin: str) -> float:
    job = current.job
    acting, observer = job.acting, job.acting.observer
    current.since = note(job, begin, "SELECT clock_timestamp();")
    current.invalid = {name for name, _ in _invalid(job)}
    _settings_again(current)
    for number in range(current.done, len(current.statements)):
        statement = current.statements[number]
        acting.progress(
            f"{job.migration.name}: statement {number + 1} of {len(current.statements)}"
        )
        _statement(current, statement)
        if observer is not None:
            observer.statement(acting.session, statement)
        current.done = number + 1
        done_checksum = checksum(current.statements[: current.done])
        note(job, job.record.advance(job.migration, current.done, done_checksum))
    acting.forget()
    acting.forget_prepared()
    _prove(current)
    if job.direction == "down":
        note(job, job.record.end(job.migration, current.since), job.record.delete(job.migration))
        return 0.0
    return float(note(job, job.record.end(job.migration, current.since)))


def note(job: Job, *parts: str) -> str:
    """Write the ledger, as the owner and whatever the session has become. The last row's value."""
    answer = job.acting.answer(job.acting.recorder, *parts)
    if answer.error is not None or not answer.value:
        said = explained(answer.error) if answer.error else "its line is gone"
        raise ChangeFailed(
            f"{job.script.path}: the ledger could not be written: {said}",
            hint="`rfdata migrate status` shows what it has; the next run says how to go on",
        )
    return answer.value


def _statement(current: _Run, statement: Statement) -> None:
    job = current.job
    words = [token.word for token in statement.head(_HEAD)]
    concurrently = "CONCURRENTLY" in words
    acting = job.acting
    if concurrently or words[0] in _ONCE:
        acting = replace(acting, patience=replace(acting.patience, lock_retries=0))
    _limit(current, concurrently=concurrently)
    attempt = partial(_attempt, job, statement)
    tried, waited = patiently(acting, job.migration.name, job.directives, attempt)
    left = _left_invalid(current, statement) if concurrently and not tried.answer.lost else []
    if not tried.failed and not left:
        return
    what = told(tried.piece, tried.answer) if tried.failed else _place(job, statement)
    indexes = [
        f"it left the invalid index {name}: DROP INDEX CONCURRENTLY {name} before it goes on"
        for name in left
    ]
    lines = [line for line in (what, waited, *indexes) if line]
    if tried.answer.lost:
        lines.append("the connection ended: whether this statement was done is unknown")
    else:
        acting.forget()
        acting.forget_prepared()
        note(job, job.record.fail(job.migration, "\n".join(lines)[:_KEPT]))
    raise _stopped(current, lines)


def _attempt(job: Job, statement: Statement, idle: Idle | None, after: float) -> Tried:
    piece = Piece(job.script, statement.start, statement.text, known=(statement,))
    answer = send(job.acting.session, statement.text, idle=idle, after=after)
    return Tried(answer, piece, prepared=answer.prepared)


def _limit(current: _Run, *, concurrently: bool) -> None:
    """What is done CONCURRENTLY waits as long as it takes: it keeps nobody waiting meanwhile, and
    giving up would leave an invalid index. Unless the file says how long."""
    acting, directives = current.job.acting, current.job.directives
    if concurrently and directives.lock_timeout is None:
        directives = replace(directives, lock_timeout=0.0)
    limits = acting.limits(directives, local=False)
    if limits != current.lock_timeout:
        acting.answer(limits)
        current.lock_timeout = limits


def _settings_again(current: _Run) -> None:
    """What the statements that are done have SET, for those that come."""
    for statement in current.statements[: current.done]:
        if statement.head(1)[0].word in ("SET", "RESET"):
            current.job.acting.answer(statement.text)


def _prove(current: _Run) -> None:
    job = current.job
    if job.proof is None:
        return
    timeout = first(job.directives.statement_timeout, job.acting.patience.statement_timeout)
    try:
        wrong = untrue(job.acting.session, job.proof, timeout)
    except Unreachable as error:
        wrong = error.message
    if wrong:
        what = f"{job.proof.path}, {wrong}"
        note(job, job.record.fail(job.migration, what[:_KEPT]))
        raise _stopped(current, [what])


def _stopped(current: _Run, lines: Sequence[str]) -> ChangeFailed:
    job, total = current.job, len(current.statements)
    state = (
        f"{current.done} of {total} statements of {job.migration.name} are {VERBS[job.direction]}; "
        f"{job.now}"
    )
    hint = ways_on(job.number, min(current.done + 1, total))
    return ChangeFailed("\n".join((*lines, state)), hint=hint)


def _nothing_in_the_way(current: _Run, statement: Statement) -> None:
    """Raises UsageError: CREATE INDEX CONCURRENTLY IF NOT EXISTS would take an invalid one for good."""
    if "CONCURRENTLY" not in [token.word for token in statement.head(_HEAD)]:
        return
    names = {token.name for token in statement.head(_HEAD)}
    for qualified, name in _invalid(current.job):
        if name in names and statement.head(1)[0].word == "CREATE":
            raise UsageError(
                f"{_place(current.job, statement)}: the invalid index {qualified} is in the way",
                hint=f"DROP INDEX CONCURRENTLY {qualified}; then run this again",
            )


def _left_invalid(current: _Run, statement: Statement) -> list[str]:
    names = {token.name for token in statement.head(_HEAD)}
    return [
        qualified
        for qualified, name in _invalid(current.job)
        if qualified not in current.invalid or name in names
    ]


def _invalid(job: Job) -> list[tuple[str, str]]:
    return job.acting.session.execute(query("runner_invalid_indexes")).fetchall()


def _place(job: Job, statement: Statement) -> str:
    return f"{job.script.path}:{statement.line}:{statement.column}"
