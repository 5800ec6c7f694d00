"""How a deployment's migrations run: as whom, in whose name, how patiently."""

from __future__ import annotations

import rfdata
from rfdata.config.load import Config
from rfdata.evidence import log
from rfdata.migrations.migration import Author, Identity, Patience
from rfdata.postgres.desired_roles import role_names


def identity(config: Config) -> Identity:
    """Migrations have the migrator's rights, and what they make is the owner's."""
    names = role_names(config)
    return Identity(login=names.migrator, owner=names.owner)


def author() -> Author:
    return Author(by=log.author(), version=rfdata.__version__)


def patience(config: Config) -> Patience:
    settings = config.settings.migrations
    return Patience(
        lock_timeout=settings.lock_timeout,
        lock_retries=settings.lock_retries,
        statement_timeout=settings.statement_timeout,
    )
