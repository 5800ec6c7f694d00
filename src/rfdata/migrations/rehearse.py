"""Rehearsing migrations on a scratch copy: up, down and up again, while somebody reads and writes.

What must hold: after down the catalogue is as before, migration by migration, and no table has more
or fewer rows; after the second up it is as after the first. What is learnt on the way: how long
each takes, which locks it holds on what was there before, and how long others have to wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from rfdata.errors import ChangeFailed, UsageError
from rfdata.migrations import copy, ledger, rows, runner
from rfdata.migrations.catalogue import Catalogue, differences, snapshot
from rfdata.migrations.copy import LIMIT, Connect, Tools
from rfdata.migrations.lexer import position, tokens
from rfdata.migrations.load import Load, load
from rfdata.migrations.migration import Author, Directives, Identity, Migration, Patience
from rfdata.migrations.onlooker import Onlooker
from rfdata.migrations.queries import query
from rfdata.migrations.rehearsed import Pass, Ran
from rfdata.migrations.rehearsed import Rehearsed as Rehearsed
from rfdata.model.migrations import LedgerEntry, rehearsed_as
from rfdata.postgres.client import MAINTENANCE

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rfdata.migrations.migration import Session

MANY = 50
"""Above, the catalogue is compared at the ends only, not after each migration."""

SHOWN = 30
"""Differences that are listed."""


def rehearse(
    connect: Connect,
    database: str,
    migrations: Sequence[Migration],
    *,
    identity: Identity,
    author: Author,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    tools: Tools | None = None,
    progress: Callable[[str], None] = lambda _: None,
    limit: int = LIMIT,
    empty: bool = False,
) -> Rehearsed:
    """Run what is pending on a copy of `database`, and say how it went.

    `connect` opens the operator's session in a database by its name, also from other threads.
    `limit` in bytes: see `copy`. `empty`: all of `migrations` from the first one on, on a database
    like a new deployment's, whatever this one has applied. Raises UsageError for what can't be rehearsed, and Unreachable
    where the server is lost; a migration that fails is no error here but a result.
    """
    if not migrations:
        raise UsageError("no migration is pending: there is nothing to rehearse")
    _refuse_names(database, migrations)
    began = monotonic()
    with (
        _untouched(connect, database) as touched,
        copy.scratch(connect, database, tools, limit=limit, empty=empty, progress=progress) as made,
        connect(made.name) as session,
        connect(made.name) as looking,
        load(lambda: connect(made.name)) as traffic,
    ):
        _refuse_applied(ledger.read(looking), migrations)
        play = _Play(
            session=session,
            looking=looking,
            traffic=traffic,
            connect=lambda: connect(made.name),
            every=len(migrations) <= MANY,
            told={
                "identity": identity,
                "author": author,
                "patience": patience,
                "progress": lambda text: progress(f"rehearsal: {text}"),
            },
        )
        one_way, both_ways = _divided(migrations)
        trouble = list(play.everything(one_way, both_ways))
        if traffic.trouble:
            trouble.append(f"the load broke off: {traffic.trouble}")
    return Rehearsed(
        method=made.method,
        seconds=monotonic() - began,
        trouble=_told([*touched, *trouble]),
        checksums={
            each.name: rehearsed_as(
                each.script.checksum,
                each.rollback.checksum if each.rollback and each in both_ways else "",
            )
            for each in migrations
        },
        one_way=tuple(each.name for each in one_way),
        ran=tuple(play.ran),
    )


@dataclass
class _Play:
    """The three passes, on one copy."""

    session: Session
    """Runs the migrations."""
    looking: Session
    """Looks at the copy between them, with every right."""
    traffic: Load
    connect: Callable[[], AbstractContextManager[Session]]
    every: bool
    told: Mapping[str, Any]
    """What the runner has to be told."""
    ran: list[Ran] = field(default_factory=list)

    def everything(
        self, one_way: Sequence[Migration], both_ways: Sequence[Migration]
    ) -> Iterator[str]:
        """What went wrong; it ends at the first pass with trouble."""
        try:
            if one_way:
                self._run("up", one_way)
            yield from self._back_and_forth(both_ways)
        except ChangeFailed as error:
            yield "\n".join(text for text in (error.message, error.hint) if text)

    def _back_and_forth(self, migrations: Sequence[Migration]) -> Iterator[str]:
        if not migrations:
            return
        before, counted = snapshot(self.looking), rows.count(self.looking)
        up = self._run("up", migrations)
        full = snapshot(self.looking)
        down = self._run("down", tuple(reversed(migrations)))
        trouble = [
            *_not_taken_back([each.name for each in migrations], before, up, down),
            *(f"all taken back: {line}" for line in self._compared(before, counted)),
        ]
        yield from trouble
        if not trouble:
            self._run_again(migrations)
            left = differences(full, snapshot(self.looking))
            yield from (f"applied for the second time: {line}" for line in left)

    def _compared(self, before: Catalogue, counted: Mapping[str, int]) -> Iterator[str]:
        if not self.every:
            yield from differences(before, snapshot(self.looking))
        yield from rows.changes(counted, rows.count(self.looking))

    def _run_again(self, migrations: Sequence[Migration]) -> None:
        """As in production: nobody looks on, and each file goes to the server as a whole."""
        done = runner.up(self.session, migrations, **self.told)
        self.ran += [Ran(each.name, "up again", each.seconds) for each in done]

    def _run(self, direction: Pass, migrations: Sequence[Migration]) -> Mapping[str, Catalogue]:
        """One pass; the catalogue after each migration, if that is asked for."""
        down = direction == "down"
        onlooker = Onlooker(
            direction,
            self.looking,
            self.traffic,
            self.connect,
            alone=[each.name for each in migrations if not _directives(each, down).transaction],
            every=self.every,
        )
        act = runner.down if down else runner.up
        try:
            act(self.session, migrations, observer=onlooker.watches(self.session), **self.told)
        finally:
            onlooker.close()
            self.ran += onlooker.ran
        return onlooker.catalogues


def _not_taken_back(
    names: Sequence[str],
    before: Catalogue,
    up: Mapping[str, Catalogue],
    down: Mapping[str, Catalogue],
) -> Iterator[str]:
    """Each rollback's own: what a later migration's has left is not said again."""
    said: set[str] = set()
    for number in range(len(names) - 1, -1, -1):
        name = names[number]
        wanted = up.get(names[number - 1]) if number else before
        if wanted is None or name not in down:
            continue
        for line in differences(wanted, down[name]):
            if line not in said:
                said.add(line)
                yield f"{name}, taken back: {line}"


def _directives(migration: Migration, down: bool) -> Directives:
    return migration.rollback_directives if down else migration.directives


def _divided(
    migrations: Sequence[Migration],
) -> tuple[tuple[Migration, ...], tuple[Migration, ...]]:
    """Those that can only go up, and the last ones, which all have a rollback."""
    first = len(migrations)
    while first and migrations[first - 1].rollback is not None:
        first -= 1
    return tuple(migrations[:first]), tuple(migrations[first:])


def _told(trouble: Sequence[str]) -> str:
    more = len(trouble) - SHOWN
    rest = [f"and {more} more"] if more > 0 else []
    return "\n".join([*trouble[:SHOWN], *rest])


def _refuse_names(database: str, migrations: Sequence[Migration]) -> None:
    """A statement that names the database acts on that one, wherever it is run."""
    for migration in migrations:
        for script in (migration.script, migration.rollback, migration.verify):
            if script is None or database.lower() not in script.text.lower():
                continue
            previous = ""
            for token in tokens(script.text):
                if previous == "DATABASE" and token.name == database:
                    line, column = position(script.text, token.start)
                    raise UsageError(
                        f"{script.path}:{line}:{column}: names the database {database}: rehearsed "
                        "on a copy, it would change the original",
                        hint="take it out of the migration, or say it of current_database() in a "
                        "DO block",
                    )
                previous = token.word


def _refuse_applied(entries: Sequence[LedgerEntry], migrations: Sequence[Migration]) -> None:
    """The runner would pass over it, and the rehearsal pass without having run it."""
    applied = {entry.number for entry in entries if entry.state != "failed"}
    for each in migrations:
        if each.number in applied:
            raise UsageError(
                f"{each.name} is already applied: nothing of it is left to rehearse here",
                hint="rehearse what is pending, or all of it from an empty database on",
            )


@contextmanager
def _untouched(connect: Connect, database: str) -> Iterator[list[str]]:
    """After the block the list says what has changed of the original meanwhile, seen from outside."""

    def look() -> object:
        with connect(MAINTENANCE) as session:
            return session.execute(query("rehearse_live"), {"database": database}).fetchone()

    changed: list[str] = []
    before = look()
    yield changed
    if look() != before:
        changed.append(
            f"owner, privileges, settings or comment of {database} itself changed meanwhile: a "
            "migration may have named it"
        )
