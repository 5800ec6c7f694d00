"""What a check is, and the few words that checks are written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

from rfdata.config.load import Config
from rfdata.model.fact import Fact, FactUnread
from rfdata.model.facts import Facts
from rfdata.model.verdict import Item, Outcome, Severity, Verdict

T = TypeVar("T")

Rule = Callable[[Config, Facts], Verdict]


class Check(Protocol):
    """A pure function with its metadata attached; the catalogue lists checks by name."""

    item: Item

    def __call__(self, config: Config, facts: Facts) -> Verdict: ...


def item(
    id: str, *, severity: Severity, remedy: str, host: bool = False
) -> Callable[[Rule], Check]:
    """Attach a check's metadata to its function; the docstring says why it matters."""

    def attach(function: Rule) -> Check:
        why = " ".join((function.__doc__ or "").split())
        check = cast(Check, function)
        check.item = Item(id, severity, why, remedy, host)
        return check

    return attach


def judge(good: bool, expected: str, actual: str, *facts: Fact[Any], note: str = "") -> Verdict:
    """Pass or fail, with the time and the place of every fact that was looked at."""
    outcome = Outcome.PASS if good else Outcome.FAIL
    return Verdict(outcome, expected, actual, *_reading(facts, note))


def expect(expected: T, fact: Fact[T]) -> Verdict:
    """Pass when the fact equals what is expected. An unread fact makes it `unknown`."""
    return judge(fact.value == expected, str(expected), str(fact.value), fact)


def not_applicable(reason: str) -> Verdict:
    """There is nothing to look at here, and why."""
    return Verdict(Outcome.NOT_APPLICABLE, "", "", "", reason)


def vouch(expected: str, reason: str) -> Verdict:
    """Nothing that we may read tells; a person has to."""
    return Verdict(Outcome.ATTEST, expected, "not ours to see", "", reason)


def part(fact: Fact[Mapping[str, T]], name: str) -> Fact[T]:
    """One entry of a reading, as a reading of its own; an entry that isn't there is unread."""
    where = f"{fact.read_from}: {name}"
    if fact.content is None:
        return replace(cast(Fact[Any], fact), read_from=where)
    found = fact.content.get(name)
    trouble = None if found is not None else f"{name} is not among what was read"
    hidden = fact.denied or found is None
    return replace(
        cast(Fact[Any], fact), read_from=where, content=found, trouble=trouble, denied=hidden
    )


def withheld(fact: Fact[Any], why: str) -> FactUnread:
    """To be raised when a reading came back without the part that a check needs."""
    return FactUnread(replace(fact, content=None, trouble=why))


def unknown(fact: Fact[Any]) -> Verdict:
    """A check that could not run, because this fact could not be read."""
    return Verdict(
        Outcome.UNKNOWN,
        "a reading",
        "none",
        fact.read_from,
        fact.trouble or "",
        fact.started_at,
        fact.finished_at,
    )


def _reading(facts: tuple[Fact[Any], ...], note: str) -> tuple[str, str, Any, Any]:
    read_from = "; ".join(dict.fromkeys(fact.read_from for fact in facts))
    started = min((fact.started_at for fact in facts), default=None)
    finished = max((fact.finished_at for fact in facts), default=None)
    return read_from, note, started, finished
