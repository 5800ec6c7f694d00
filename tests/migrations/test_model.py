"""Random sequences of up, down, edit, reorder, add and delete, against a model of a few lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from psycopg.sql import SQL, Identifier
from tests.migrations.conftest import OWNER, scratch
from tests.migrations.running import AUTHOR, HASTY, IDENTITY, folder, migration
from tests.postgres.conftest import Cluster

from rfdata.errors import ChangeFailed, UsageError
from rfdata.migrations import choose, ledger, runner
from rfdata.migrations.migration import Migration

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

NUMBERS = st.integers(1, 8)
SCHEMA = "playground"


@dataclass(frozen=True)
class File:
    """One migration: it makes a table whose only column has the edition's name."""

    number: int
    edition: int = 0
    works: bool = True
    rollback: bool = True

    def real(self) -> Migration:
        table = f"{SCHEMA}.t{self.number}"
        text = f"CREATE TABLE {table} (e{self.edition} int);"
        if not self.works:
            text += "\nSELECT nothing;"
        back = f"DROP TABLE {table};" if self.rollback else None
        return migration(f"{self.number:04}_t{self.number}", text, back)


@dataclass
class Model:
    """What must be so: files in the folder, and those applied as they were then."""

    files: dict[int, File] = field(default_factory=dict)
    applied: dict[int, File] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether the folder still is what was applied, and adds to its end only."""
        newest = max(self.applied, default=0)
        same = all(
            number in self.files and self.files[number].real().script == was.real().script
            for number, was in self.applied.items()
        )
        return same and all(n > newest for n in self.files if n not in self.applied)

    def pending(self, to: int | None) -> list[File]:
        return [
            file
            for number, file in sorted(self.files.items())
            if number not in self.applied and (to is None or number <= to)
        ]

    def above(self, to: int) -> list[int]:
        return sorted((number for number in self.applied if number > to), reverse=True)


class Migrating(RuleBasedStateMachine):
    """One database, migrated by whatever comes."""

    session: Session
    """Set by the test, on a database whose schema is emptied for each example."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.session.execute("DROP SCHEMA IF EXISTS rfdata CASCADE")
        self.session.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(SCHEMA)))
        self.session.execute(
            SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(Identifier(SCHEMA), Identifier(OWNER))
        )

    @rule(number=NUMBERS, works=st.integers(0, 5), rollback=st.integers(0, 5))
    def add(self, number: int, works: int, rollback: int) -> None:
        if number not in self.model.files:
            self.model.files[number] = File(number, works=works > 0, rollback=rollback > 0)

    @rule(number=NUMBERS)
    def edit(self, number: int) -> None:
        if file := self.model.files.get(number):
            self.model.files[number] = replace(file, edition=file.edition + 1, works=True)

    @rule(number=NUMBERS)
    def put_back(self, number: int) -> None:
        if was := self.model.applied.get(number):
            self.model.files[number] = was

    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        self.model.files.pop(number, None)

    @rule(one=NUMBERS, other=NUMBERS)
    def reorder(self, one: int, other: int) -> None:
        files = self.model.files
        if one in files and other not in files:
            files[other] = replace(files.pop(one), number=other)

    @rule(to=st.none() | NUMBERS)
    def up(self, to: int | None) -> None:
        model = self.model
        if not model.sound or (to is not None and to not in model.files):
            with pytest.raises(UsageError):
                self._up(to)
            return
        wanted = model.pending(to)
        failing = next((file for file in wanted if not file.works), None)
        if failing is not None:
            wanted = wanted[: wanted.index(failing)]
            with pytest.raises(ChangeFailed, match=f"nothing of {failing.number:04}"):
                self._up(to)
        else:
            assert self._up(to) == [file.real().name for file in wanted]
        model.applied.update({file.number: file for file in wanted})

    @precondition(lambda self: self.model.applied)
    @rule(to=st.integers(0, 8))
    def down(self, to: int) -> None:
        model = self.model
        chosen = model.above(to)
        known = to == 0 or (to in model.files and to in model.applied)
        fits = all(
            number in model.files
            and model.files[number].rollback
            and model.files[number].real().script == model.applied[number].real().script
            for number in chosen
        )
        if not known or not fits:
            with pytest.raises(UsageError):
                self._down(to)
            return
        assert self._down(to) == [f"{number:04}_t{number}" for number in chosen]
        for number in chosen:
            del model.applied[number]

    @invariant()
    def the_ledger_says_what_is_applied(self) -> None:
        entries = ledger.read(self.session)
        found = {entry.number: (entry.checksum, entry.state) for entry in entries}
        assert found == {
            number: (file.real().script.checksum, "applied")
            for number, file in self.model.applied.items()
        }
        assert [entry.number for entry in entries] == sorted(found)

    @invariant()
    def the_database_has_what_is_applied(self) -> None:
        rows = self.session.execute(
            "SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
            " WHERE relnamespace = %s::regnamespace AND relkind = 'r' AND attnum > 0",
            [SCHEMA],
        ).fetchall()
        assert set(rows) == {
            (f"t{number}", f"e{file.edition}") for number, file in self.model.applied.items()
        }

    def _up(self, to: int | None) -> list[str]:
        files = folder(file.real() for _, file in sorted(self.model.files.items()))
        chosen = choose.to_apply(files, ledger.read(self.session), None if to is None else str(to))
        done = runner.up(self.session, chosen, identity=IDENTITY, author=AUTHOR, patience=HASTY)
        return [each.name for each in done]

    def _down(self, to: int) -> list[str]:
        files = folder(file.real() for _, file in sorted(self.model.files.items()))
        chosen = choose.to_take_back(files, ledger.read(self.session), str(to))
        done = runner.down(self.session, chosen, identity=IDENTITY, author=AUTHOR, patience=HASTY)
        return [each.name for each in done]


@pytest.fixture
def machine(pristine: Cluster) -> Iterator[type[Migrating]]:
    with scratch(pristine) as made, made.superuser() as session:
        session.execute("SET client_min_messages = warning")
        yield type("Migrating", (Migrating,), {"session": session})


def test_whatever_is_done_in_whatever_order(machine: type[Migrating]) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=25, suppress_health_check=list(HealthCheck)
        ),
    )
