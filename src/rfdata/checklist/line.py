"""One box of the checklist as data: our words, and what decides it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A box of the checklist. At least one of checks, drill, pending, attest or a reason decides it."""

    id: str
    """SECTION.N, N counting the section's boxes in the checklist's order from 1."""
    text: str
    """What the box asks for, in our words."""
    checks: tuple[str, ...] = ()
    """Ids of checks; all must pass."""
    drill: str = ""
    """The drill whose newest evidence decides; `pending` as long as this version has no such drill."""
    pending: str = ""
    """The capability that a later version brings and that this line also needs, and what it will do."""
    attest: str = ""
    """The sentence that a named person vouches for."""
    attest_days: int = 90
    """How long such a word holds."""
    not_native: str = ""
    """Why it does not apply on the native target."""
    not_external: str = ""
    """Why it does not apply to servers that someone else runs."""
    not_dev: str = ""
    """Why it does not apply in the dev profile."""
    deviation: str = ""
    """Where we differ from the checklist's wording, and why, in one sentence."""
