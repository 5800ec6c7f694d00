"""Migrations on this host's PostgreSQL: applied, taken back, rehearsed, over the operator's socket."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from rfdata.config.load import Config
from rfdata.errors import ChangeFailed, StalePlan
from rfdata.evidence import log
from rfdata.migrations import runner
from rfdata.migrations.copy import Tools
from rfdata.migrations.folder import read_folder
from rfdata.migrations.manner import author, identity, patience
from rfdata.migrations.migration import Migration
from rfdata.migrations.rehearse import rehearse
from rfdata.migrations.shipped import FOLDER
from rfdata.model.migrations import MigrationFile, rehearsed_as
from rfdata.model.plan import Migrate, MigrationAction, Rehearse, RollBack
from rfdata.postgres.client import operator
from rfdata.targets.base import Progress
from rfdata.targets.deployment import evidence_folder
from rfdata.targets.native.site import Site

if TYPE_CHECKING:
    from rfdata.postgres.client import Session


def execute(site: Site, action: MigrationAction, progress: Progress) -> None:
    """Raises StalePlan, before anything is done, when a file is not the one that was planned."""
    config = site.config
    chosen = _chosen(config, action)
    if isinstance(action, Rehearse):
        _rehearse(site, chosen, progress, from_empty=action.from_empty)
        return
    run = runner.up if isinstance(action, Migrate) else runner.down
    with _session(site, config.settings.postgres.database) as session:
        run(
            session,
            chosen,
            identity=identity(config),
            author=author(),
            patience=patience(config),
            progress=progress,
        )


def _session(site: Site, database: str) -> AbstractContextManager[Session]:
    return operator(site.layout.socket_folder, site.place("postgres").port, database)


def _rehearse(
    site: Site, migrations: tuple[Migration, ...], progress: Progress, *, from_empty: bool
) -> None:
    """Put on record however it ends, so that nobody has to remember how it went."""
    config = site.config
    postgres = site.programs.postgres
    done = rehearse(
        partial(_session, site),
        config.settings.postgres.database,
        migrations,
        identity=identity(config),
        author=author(),
        patience=replace(patience(config), lock_retries=0),
        tools=Tools(
            pg_dump=postgres.tool("pg_dump"),
            pg_restore=postgres.tool("pg_restore"),
            socket=site.layout.socket_folder,
            port=site.place("postgres").port,
        ),
        progress=progress,
        empty=from_empty,
    )
    by = author()
    log.append(evidence_folder(config), "drill", done.to_data(), by=by.by, version=by.version)
    if not done.passed:
        raise ChangeFailed(
            f"the rehearsal did not pass: {done.trouble}",
            hint="the database itself was not touched; mend the migration or its rollback",
        )


def _chosen(config: Config, action: MigrationAction) -> tuple[Migration, ...]:
    """The files that were planned, as they are now."""
    there = {found.name: found for found in read_folder(config.directory / FOLDER).migrations}
    for name, planned in action.migrations:
        if name not in there or _digest(action, there[name].as_file()) != planned:
            raise StalePlan(
                f"migrations/{name}.sql has changed since the plan was shown; nothing was done",
                hint="run the same again and look at the new plan",
            )
    return tuple(there[name] for name, _ in action.migrations)


def _digest(action: MigrationAction, file: MigrationFile) -> str:
    match action:
        case Migrate():
            return file.checksum
        case RollBack():
            return file.rollback
        case Rehearse():
            return rehearsed_as(file.checksum, file.rollback)
