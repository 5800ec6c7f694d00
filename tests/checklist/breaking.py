"""How a fact goes wrong: the words that breaks are written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rfdata.model.fact import Fact
from rfdata.model.facts import Facts, paths, with_fact

Change = Callable[[Any], Any]


@dataclass(frozen=True)
class Break:
    """One fact and how it goes wrong; `also` goes wrong with it."""

    path: str
    change: Change
    also: tuple[Break, ...] = ()

    def apply(self, facts: Facts) -> Facts:
        old: Fact[Any] = paths(facts)[self.path]
        new: Facts = with_fact(facts, self.path, replace(old, content=self.change(old.content)))
        for other in self.also:
            new = other.apply(new)
        return new


def to(value: Any) -> Change:
    return lambda _: value


def having(**fields: Any) -> Change:
    """A dataclass with other fields."""
    return lambda old: replace(old, **fields)


def entry(name: str, change: Any) -> Change:
    """A mapping with one entry changed: to a value, or by a function."""
    return lambda old: old | {name: change(old[name]) if callable(change) else change}


def less(*names: object) -> Change:
    """A set or mapping without these."""
    return lambda old: (
        {key: value for key, value in old.items() if key not in names}
        if isinstance(old, Mapping)
        else old - set(names)
    )
