"""Is the chain whole? Every byte of the log is looked at, one line at a time."""

from __future__ import annotations

from dataclasses import dataclass

from rfdata.errors import UsageError
from rfdata.evidence import record, snapshot
from rfdata.evidence.record import NotARecord
from rfdata.evidence.snapshot import HEAD, NOTHING, Mark, Snapshot

MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the log."""

    line: int
    """Counted from 1; 0 is the head file, or a log that is missing."""
    what: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a look at every byte of the log found."""

    ok: bool
    records: int
    head: str
    """Hash of the last record; 64 zeros for an empty log."""
    problems: tuple[Problem, ...]
    """In the order of the file, at most 20."""
    torn: int = 0
    """Bytes of an interrupted, never acknowledged record at the end; the next append sets them aside."""


def check(log: Snapshot) -> Verification:
    """Follow the chain from its beginning to the head."""
    problems: list[Problem] = []
    last: Mark | None = NOTHING
    before = last
    number = 0
    try:
        for number, line in enumerate(snapshot.lines(log), 1):
            before = last
            last, what = _follow(last, line)
            if what:
                problems.append(Problem(number, what))
            if len(problems) == MOST_PROBLEMS:
                break
        else:
            what = wrong_end(log, last, before)
            if what:
                problems.append(Problem(0 if log.head is None else number, what))
    except NotARecord as error:
        problems.append(Problem(number + 1, str(error)))
    head = last.hash if last else ""
    return Verification(not problems, number, head, tuple(problems), log.torn)


def wrong_end(log: Snapshot, last: Mark | None, before: Mark | None) -> str:
    """What is wrong between the head file and the last two records; empty when nothing is."""
    if log.head is None:
        return f"{HEAD} was altered or can't be read"
    if log.torn > record.LONGEST:
        return "what follows it is longer than any record, and has no line end"
    if last is None or log.head == last:
        return ""
    if log.head.seq > last.seq:
        first = last.seq + 1
        which = (
            f"record {first} is"
            if first == log.head.seq
            else f"records {first} to {log.head.seq} are"
        )
        return f"{which} missing after it; {HEAD} still names the last one"
    if log.head == before:
        return ""  # killed between a record and its head: never acknowledged, and sound
    return (
        f"{HEAD} names record {log.head.seq} ({log.head.hash[:12]}…) as the last, which it is not"
    )


def refusal(log: Snapshot, otherwise: str = "it changed while it was read") -> UsageError:
    """The error for a log that may not be used, naming the first thing that is wrong."""
    problems = check(log).problems
    problem = problems[0] if problems else Problem(0, otherwise)
    place = f"{log.path}, line {problem.line}" if problem.line else str(log.path)
    return UsageError(
        f"{place}: {problem.what}",
        hint=f"`rfdata evidence verify` shows all that is wrong; put {log.folder} back from a backup, "
        "or rename it to begin a new log, and keep the old one",
    )


def _follow(last: Mark | None, line: bytes) -> tuple[Mark | None, str]:
    """The next place in the chain, and what is wrong with this step; after a line that is no record
    the chain is picked up again wherever it goes on."""
    try:
        seq = record.decode(line).seq
    except NotARecord as error:
        return None, str(error)
    mark = Mark(seq, record.own_hash(line).decode("ascii"))
    if last is None:
        return mark, ""
    if seq > last.seq + 1:
        return mark, f"record {last.seq + 1} should be here; this is record {seq}"
    if seq <= last.seq:
        return mark, f"record {seq} appears again or out of its order"
    if record.previous(line).decode("ascii") != last.hash:
        return mark, "it does not follow from the line before it: one of the two was replaced"
    return mark, ""
