"""The verb `migrate`: what is applied and what isn't, and plans that change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, LiteralString

import rfdata
from rfdata import files
from rfdata.config.load import Config
from rfdata.errors import UsageError
from rfdata.evidence import log
from rfdata.migrations import baseline, choose, ledger, manner, runner
from rfdata.migrations.folder import read_folder
from rfdata.migrations.migration import Folder, Migration
from rfdata.migrations.rehearsed import DRILL, rehearsals
from rfdata.migrations.resolve import How, resolve
from rfdata.migrations.shipped import FOLDER
from rfdata.model.facts import Ledger, LedgerEntry, Problem, Rehearsal
from rfdata.model.migrations import rehearsed
from rfdata.model.plan import Plan, Step
from rfdata.plan import migrations as planned
from rfdata.plan.migrations import Leave
from rfdata.targets.base import Target
from rfdata.targets.deployment import evidence_folder


@dataclass(frozen=True)
class Row:
    """One migration, from the folder, from the ledger, or from both."""

    number: int
    name: str
    state: str
    """pending, applied, baseline, applying, failed, edited (applied, then changed) or gone (applied,
    and no longer in the folder)."""
    transactional: bool
    rollback: bool
    verify: bool
    rehearsed: bool
    entry: LedgerEntry | None


@dataclass(frozen=True)
class Picture:
    """Folder and ledger, read together."""

    folder: Folder
    ledger: Ledger
    rows: tuple[Row, ...]

    @property
    def settled(self) -> bool:
        """Nothing is pending, unfinished, edited or gone, and the folder is sound."""
        done = {"applied", "baseline"}
        return not self.folder.problems and all(row.state in done for row in self.rows)


def folder(config: Config) -> Folder:
    return read_folder(config.directory / FOLDER)


def read(config: Config, target: Target) -> Picture:
    """Raises Unreachable when the database can't be asked."""
    found = folder(config)
    with target.database(config) as session:
        known = Ledger(ledger.read(session), ledger.empty_database(session))
    return Picture(found, known, _rows(config, found, known))


def up(config: Config, target: Target, to: str | None, leave: Leave) -> Plan:
    """The plan that applies what is pending; empty when nothing is.

    Raises UsageError, naming the remedy, for what production asks for and is missing.
    """
    found = folder(config)
    with (
        target.database(config) as session,
        runner.alone(session, manner.patience(config)),  # whoever is at it ends first
    ):
        entries = ledger.read(session)
        chosen = choose.to_apply(found, entries, to)
        if not chosen:
            return _plan(config, ())
        empty = ledger.empty_database(session)
    files = tuple(migration.as_file() for migration in chosen)
    known = Ledger(entries, empty)
    planned.require(config, files, rehearsals(evidence_folder(config)), known, leave)
    return _plan(config, tuple(planned.apply(files)))


def down(config: Config, target: Target, to: str | None, leave: Leave) -> Plan:
    """The plan that takes back everything after `to`; without it, the newest."""
    found = folder(config)
    with target.database(config) as session:
        entries = ledger.read(session)
    files = tuple(m.as_file() for m in choose.to_take_back(found, entries, to))
    if files and config.profile == "prod" and not leave.without_backup:
        raise UsageError(
            f"there is no fresh backup, and {files[0].name} would take its tables' rows along; "
            "nothing was taken back",
            hint="rfdata does not take backups yet (pending). Take one by other means, then say so: "
            '`rfdata migrate down --without-backup "REASON"`, which is put on record',
        )
    return _plan(config, tuple(planned.roll_back(files)))


def rehearsal(config: Config, target: Target, *, everything: bool) -> Plan:
    """The plan that rehearses what is pending; or all of it, from an empty database on."""
    found = folder(config)
    with target.database(config) as session:
        entries = ledger.read(session)
    chosen = choose.to_apply(found, entries) if not everything else ()
    files = tuple(migration.as_file() for migration in chosen or found.migrations)
    return _plan(config, tuple(planned.rehearse(files, from_empty=not chosen)))


def last_rehearsal(config: Config) -> Mapping[str, Any]:
    """What the newest rehearsal has put on record; nothing where there was none."""
    newest: Mapping[str, Any] = {}
    for record in log.read(evidence_folder(config), "drill"):
        if record.data.get("drill") == DRILL:
            newest = record.data
    return newest


def adopt(config: Config, target: Target, to: str) -> tuple[str, ...]:
    """Record everything up to `to` as already there. Returns the names."""
    with target.database(config) as session:
        return baseline.baseline(
            session,
            folder(config),
            to,
            identity=manner.identity(config),
            author=manner.author(),
            patience=manner.patience(config),
        )


def settle(config: Config, target: Target, wanted: str, how: How) -> str:
    """What a person, or a second try, makes of a migration that was left unfinished."""
    migration = choose.find(folder(config), wanted)
    with target.database(config) as session:
        resolve(
            session,
            migration,
            how,
            identity=manner.identity(config),
            author=manner.author(),
            patience=manner.patience(config),
        )
    return f"{migration.name} is {'applied' if how == 'again' else how} now"


def ledger_digest(config: Config, target: Target, query: LiteralString) -> str:
    """The answer to a query that returns one text; empty where there is no ledger."""
    with target.database(config) as session:
        if not ledger.read(session):
            return ""
        row = session.execute(query).fetchone()
    return str(row[0]) if row else ""


def document(config: Config, target: Target, *, sizes: bool) -> Mapping[str, str]:
    """The live schema: file name -> Markdown or SVG."""
    from rfdata.migrations import inventory
    from rfdata.migrations.document import render

    with target.database(config) as session:
        found = inventory.read(session)
    return render(found, sizes=sizes)


def write_pages(out: Path, pages: Mapping[str, str]) -> tuple[str, ...]:
    """Write the document's files below `out`. Raises UsageError where that can't be."""
    try:
        for name, text in pages.items():
            path = out.absolute() / name
            files.make_directory(path.parent)
            files.write(path, text)
    except OSError as error:
        raise UsageError(
            f"--out {out}: {error.strerror}", hint="name a folder that we may write"
        ) from error
    return tuple(pages)


def put_on_record(config: Config, verb: str, leave: Leave) -> None:
    """What a person answers for goes into the evidence before anything is done."""
    reasons = {"backup": leave.without_backup, "rehearsal": leave.without_rehearsal}
    said = {what: reason for what, reason in reasons.items() if reason}
    if said:
        data: dict[str, Any] = {"verb": verb, "without": said}
        log.append(
            evidence_folder(config),
            "overridden",
            data,
            by=log.author(),
            version=rfdata.__version__,
        )


def to_json(picture: Picture) -> dict[str, Any]:
    return {
        "schema": "rfdata/migrations/1",
        "folder": str(picture.folder.path),
        "problems": [problem_to_json(problem) for problem in picture.folder.problems],
        "migrations": [
            {
                "number": row.number,
                "name": row.name,
                "state": row.state,
                "transactional": row.transactional,
                "rollback": row.rollback,
                "verify": row.verify,
                "rehearsed": row.rehearsed,
                **_entry(row.entry),
            }
            for row in picture.rows
        ],
    }


def _rows(config: Config, found: Folder, known: Ledger) -> tuple[Row, ...]:
    entries = {entry.name: entry for entry in known.entries}
    tried = rehearsals(evidence_folder(config))
    here = [
        _row(migration, entries.pop(migration.name, None), tried) for migration in found.migrations
    ]
    gone = [
        Row(entry.number, entry.name, "gone", True, False, False, False, entry)
        for entry in entries.values()
    ]
    return tuple(sorted((*here, *gone), key=lambda row: (row.number, row.name)))


def _row(migration: Migration, entry: LedgerEntry | None, tried: tuple[Rehearsal, ...]) -> Row:
    file = migration.as_file()
    if entry is None:
        state = "pending"
    elif entry.checksum != file.checksum:
        state = "edited"
    else:
        state = entry.state
    return Row(
        number=file.number,
        name=file.name,
        state=state,
        transactional=file.transactional,
        rollback=bool(file.rollback),
        verify=bool(file.verify),
        rehearsed=rehearsed(file, tried) is not None,
        entry=entry,
    )


def _plan(config: Config, steps: tuple[Step, ...]) -> Plan:
    inside = tuple(replace(step, stage="inside", lane="postgres") for step in steps)
    return Plan(config.digest, inside)


def _entry(entry: LedgerEntry | None) -> Mapping[str, Any]:
    if entry is None:
        return {"applied_at": None}
    return {
        "applied_at": entry.at.isoformat(),
        "seconds": round(entry.seconds, 6),
        "by": entry.by,
        "version": entry.version,
        "statements_done": entry.statements_done,
        "error": entry.error,
    }


def problem_to_json(problem: Problem) -> dict[str, Any]:
    """One finding, as `migrate status` and `migrate lint` print it."""
    return {
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "rule": problem.rule,
        "severity": problem.severity,
        "message": problem.message,
        "remedy": problem.remedy,
        "waived": problem.waived,
    }
