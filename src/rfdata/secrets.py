"""The one type that holds a secret, and how new ones are made."""

from __future__ import annotations

import hmac
import math
import secrets as _random

TOKEN_BYTES = 32
"""256 bits; URL-safe base64 without padding makes 43 characters of them (decisions, 13)."""

REDACTED = "[REDACTED]"


class Secret:
    """A value that never prints itself. `reveal()` is the only way out, so every use can be found.

    >>> Secret("hunter2")
    Secret([REDACTED])
    >>> f"password={Secret('hunter2')}"
    'password=[REDACTED]'
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The plain value: only for the wire, a 0600 file or a child's environment."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __repr__(self) -> str:
        return f"Secret({REDACTED})"

    def __str__(self) -> str:
        return REDACTED

    def __format__(self, spec: str) -> str:
        return REDACTED

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        ours, theirs = (s.reveal().encode("utf-8", "surrogatepass") for s in (self, other))
        return hmac.compare_digest(ours, theirs)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is never serialised")


def generate() -> Secret:
    """A new secret: 43 URL-safe characters, 256 random bits."""
    return Secret(_random.token_urlsafe(TOKEN_BYTES))


def entropy_bits(secret: Secret) -> float:
    """An upper bound of what the characters can carry, in bits: length x log2(distinct characters).

    It can't tell a phrase from noise; it does find "aaaaaaaaaaaaaaaa".

    >>> entropy_bits(Secret("aaaaaaaa"))
    0.0
    """
    value = secret.reveal()
    return len(value) * math.log2(len(set(value))) if value else 0.0
