"""A fact: something read from the live layer, where it was read, and when; or why it wasn't."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

T = TypeVar("T")


class FactUnread(Exception):
    """A check asked for a fact that could not be read; its verdict is `unknown`."""

    def __init__(self, fact: Fact[object]) -> None:
        super().__init__(fact.trouble or "not read")
        self.fact = fact


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """One reading. Either `content` is set, or `trouble` says why it could not be read."""

    read_from: str
    """How a person would read the same, for example "pg_settings over the operator's socket"."""
    content: T | None
    trouble: str | None
    started_at: datetime
    finished_at: datetime
    denied: bool = False
    """Unread because the server does not let the user that we were given see it."""

    @property
    def value(self) -> T:
        """What was read. Raises FactUnread, which turns the asking check's verdict to `unknown`."""
        if self.content is None:
            raise FactUnread(self)  # type: ignore[arg-type]
        return self.content

    @property
    def known(self) -> bool:
        return self.content is not None


def now() -> datetime:
    return datetime.now(UTC)


def read(content: T, read_from: str, started_at: datetime | None = None) -> Fact[T]:
    """A reading that worked, finished now."""
    finished = now()
    return Fact(read_from, content, None, started_at or finished, finished)


def unread(
    trouble: str, read_from: str, started_at: datetime | None = None, *, denied: bool = False
) -> Fact[T]:
    """A reading that did not work, and why; `trouble` holds no secret."""
    finished = now()
    return Fact(read_from, None, trouble, started_at or finished, finished, denied)
