"""What the runner's tests share: migrations made by hand, and running them in a scratch database."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.migrations.conftest import OWNER, Scratch

from rfdata.migrations import choose, ledger, runner
from rfdata.migrations.directives import parse
from rfdata.migrations.migration import (
    Author,
    Directives,
    Folder,
    Identity,
    Migration,
    Patience,
    Script,
)
from rfdata.model.migrations import LedgerEntry

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

MIGRATOR = "researchflow_migrator"
IDENTITY = Identity(login=MIGRATOR, owner=OWNER)
AUTHOR = Author("ada@laptop", "1.2.3")
HASTY = Patience(lock_timeout=0.05, lock_retries=2, statement_timeout=30, advisory_timeout=60)
FOLDER = Path("migrations")


def script(text: str, path: Path) -> Script:
    return Script(path, text, sha256(text.encode()).hexdigest())


def migration(
    name: str, text: str, rollback: str | None = None, verify: str | None = None
) -> Migration:
    """As `read_folder` would make it, but of any text."""
    file = f"{name}.sql"
    return Migration(
        number=int(name.partition("_")[0]),
        name=name,
        script=script(text, FOLDER / file),
        directives=parse(text, file)[0],
        rollback=None if rollback is None else script(rollback, FOLDER / "rollback" / file),
        rollback_directives=parse(rollback, file)[0] if rollback else Directives(),
        verify=None if verify is None else script(verify, FOLDER / "verify" / file),
    )


def folder(migrations: Iterable[Migration]) -> Folder:
    return Folder(FOLDER, tuple(migrations), ())


def table(number: int, name: str = "") -> Migration:
    """Makes a table of its own, and drops it."""
    name = name or f"t{number}"
    return migration(f"{number:04}_{name}", f"CREATE TABLE {name} (id int);", f"DROP TABLE {name};")


def open_schema(scratch: Scratch) -> None:
    """Lets the owner use `public`, where the tests make their tables."""
    scratch.run(f"ALTER SCHEMA public OWNER TO {OWNER}")


class Database:
    """A scratch database, as rfdata migrates it."""

    def __init__(self, scratch: Scratch) -> None:
        self.scratch = scratch
        self.said: list[str] = []
        open_schema(scratch)

    def session(self) -> AbstractContextManager[Session]:
        return self.scratch.superuser()

    def up(self, *migrations: Migration, **how: Any) -> tuple[str, ...]:
        with self.session() as session:
            return self.up_in(session, *migrations, **how)

    def up_in(self, session: Session, *migrations: Migration, **how: Any) -> tuple[str, ...]:
        chosen = choose.to_apply(folder(migrations), ledger.read(session))
        return tuple(done.name for done in runner.up(session, chosen, **self.how(how)))

    def down(self, *migrations: Migration, to: str | None = None, **how: Any) -> tuple[str, ...]:
        with self.session() as session:
            chosen = choose.to_take_back(folder(migrations), ledger.read(session), to)
            return tuple(done.name for done in runner.down(session, chosen, **self.how(how)))

    def how(self, more: dict[str, Any]) -> dict[str, Any]:
        usual = {
            "identity": IDENTITY,
            "author": AUTHOR,
            "patience": HASTY,
            "progress": self.said.append,
        }
        return {**usual, **more}

    def entries(self) -> tuple[LedgerEntry, ...]:
        with self.session() as session:
            return ledger.read(session)

    def states(self) -> dict[str, str]:
        return {entry.name: entry.state for entry in self.entries()}

    def tables(self) -> set[str]:
        """Those in `public`."""
        rows = self.scratch.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {row[0] for row in rows}

    def advisory_locks(self) -> int:
        rows = self.scratch.run(
            "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database"
            " WHERE locktype = 'advisory' AND datname = current_database()"
        )
        return int(rows[0][0])
