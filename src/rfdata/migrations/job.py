"""One script to run, with all that is needed to run it and to say how it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rfdata.migrations.acting import Acting
from rfdata.migrations.ledger import Record
from rfdata.migrations.migration import Directives, Migration, Script

Direction = Literal["up", "down"]
VERBS: dict[Direction, str] = {"up": "applied", "down": "taken back"}


@dataclass(frozen=True, slots=True)
class Job:
    acting: Acting
    record: Record
    migration: Migration
    direction: Direction
    now: str
    """A sentence: how the database is as long as this has not ended well."""

    @property
    def script(self) -> Script:
        if self.direction == "down" and self.migration.rollback is not None:
            return self.migration.rollback
        return self.migration.script

    @property
    def directives(self) -> Directives:
        down = self.direction == "down"
        return self.migration.rollback_directives if down else self.migration.directives

    @property
    def proof(self) -> Script | None:
        return self.migration.verify if self.direction == "up" else None

    @property
    def number(self) -> str:
        """As the file has it."""
        return self.migration.name.partition("_")[0]

    @property
    def recorded(self) -> str:
        """SQL that takes it down in the ledger when it went well."""
        if self.direction == "down":
            return self.record.delete(self.migration)
        return self.record.applied(self.migration)

    @property
    def undone(self) -> str:
        """How the database is when nothing of this script is left."""
        return f"nothing of {self.migration.name} was {VERBS[self.direction]}; {self.now}"

    @property
    def unknown(self) -> str:
        return (
            f"whether {self.migration.name} was {VERBS[self.direction]} is unknown: the connection "
            "ended before the answer came; but it was either wholly or not at all"
        )

    @property
    def again(self) -> str:
        """How to go on after a failure that left nothing."""
        return f"mend {self.script.path}, then run `rfdata migrate {self.direction}` again"
