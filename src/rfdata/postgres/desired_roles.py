"""Who there is in PostgreSQL, and what each may do: the least that its work needs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rfdata.config.load import TOML, Config
from rfdata.config.services import (
    GROUPS,
    READERS,
    SERVICES,
    all_services,
    password_variable,
)
from rfdata.errors import UsageError
from rfdata.model.facts import Privilege
from rfdata.postgres.settings import SUPERUSER_RESERVED

SUPERUSER = "postgres"
PUBLIC = "PUBLIC"
SCHEMA = "public"
EXTENSIONS = ("vector", "pg_stat_statements")
BACKUP_FUNCTIONS = (
    "pg_backup_start(text,boolean)",
    "pg_backup_stop(boolean)",
    "pg_create_restore_point(text)",
    "pg_switch_wal()",
)
"""What a physical backup calls, written as `regprocedure` prints it."""

_RESERVED_NAMES = frozenset({SUPERUSER, "public", "none"})
_RESERVED_DATABASES = frozenset({"postgres", "template0", "template1"})
_LONGEST = 63
"""Bytes; PostgreSQL would cut a longer name off without a word."""

_OWN = ("owner", "migrator", "readonly", "monitor", "backup")

_MIGRATORS, _MONITORS, _BACKUPS = 5, 4, 8


@dataclass(frozen=True, slots=True)
class RoleNames:
    owner: str
    migrator: str
    app: str
    readonly: str
    monitor: str
    backup: str
    services: Mapping[str, str]
    """Service -> its role."""

    @property
    def all(self) -> tuple[str, ...]:
        """Those that the deployment has to itself; the groups are the schema's."""
        return (
            self.owner,
            self.migrator,
            self.app,
            self.readonly,
            self.monitor,
            self.backup,
            *self.services.values(),
        )

    @property
    def with_login(self) -> tuple[str, ...]:
        return self.all[1:]


@dataclass(frozen=True, slots=True)
class DesiredRole:
    """A role as it should be; fields mean what they mean in `model.facts.Role`."""

    why: str
    login: bool = True
    replication: bool = False
    bypass_rls: bool = False
    connection_limit: int = -1
    member_of: frozenset[str] = frozenset()
    settings: Mapping[str, str] | None = None
    password_variable: str | None = None
    """The variable of .env that holds its password."""


def role_names(config: Config) -> RoleNames:
    """The roles' names. Raises UsageError where PostgreSQL couldn't have them."""
    settings = config.settings.postgres
    database, user = settings.database, settings.user
    where = config.directory / TOML
    if database in _RESERVED_DATABASES or database.startswith("pg_"):
        raise UsageError(
            f"{where}: postgres.database: {database} is PostgreSQL's own",
            hint="choose another name, for example researchflow",
        )
    longest = _LONGEST - max(len(f"_{suffix}") for suffix in (*_OWN, *SERVICES))
    if len(database) > longest:
        raise UsageError(
            f"{where}: postgres.database: too long for the roles that are named after it",
            hint=f"at most {longest} characters",
        )
    others = [f"{database}_{name}" for name in _OWN]
    services = {service: f"{database}_{service}" for service in SERVICES}
    taken = _RESERVED_NAMES.union(others, services.values(), GROUPS)
    if user in taken or user.startswith("pg_"):
        raise UsageError(
            f"{where}: postgres.user: {user} is another role's name",
            hint=f"choose another name, for example {database}_user",
        )
    owner, migrator, readonly, monitor, backup = others
    return RoleNames(owner, migrator, user, readonly, monitor, backup, services)


def roles(config: Config) -> dict[str, DesiredRole]:
    """The roles by name, in the order in which they are made."""
    names = role_names(config)
    readers = max(2, config.settings.postgres.max_connections // 10)
    shared = _left_for_services(config, readers)
    own = max(1, shared // 6)
    return {
        **{group: DesiredRole(why, login=False) for group, why in GROUPS.items()},
        names.owner: DesiredRole(
            "Owns the database, its schema and every table; nobody logs in as it.", login=False
        ),
        names.migrator: DesiredRole(
            "Runs migrations; what it makes is the owner's.",
            connection_limit=_MIGRATORS,
            member_of=frozenset({names.owner}),
            settings={"role": names.owner},
            password_variable="POSTGRES_MIGRATOR_PASSWORD",
        ),
        names.app: DesiredRole(
            "The services, as long as they share one login: reads and writes rows, changes no table.",
            connection_limit=max(2, shared - own * len(SERVICES)),
            member_of=frozenset(all_services()),
            password_variable="POSTGRES_PASSWORD",
        ),
        names.readonly: DesiredRole(
            "Analysts and dashboards: reads rows.",
            connection_limit=readers,
            member_of=frozenset(READERS),
            settings={"default_transaction_read_only": "on"},
            password_variable="POSTGRES_READONLY_PASSWORD",
        ),
        names.monitor: DesiredRole(
            "Monitoring: statistics, no rows.",
            connection_limit=_MONITORS,
            member_of=frozenset({"pg_monitor"}),
            password_variable="POSTGRES_MONITOR_PASSWORD",
        ),
        names.backup: DesiredRole(
            "Physical and logical backups: reads everything, writes nothing.",
            replication=True,
            bypass_rls=True,  # a dump that row-level security cuts short is no backup
            connection_limit=_BACKUPS,
            member_of=frozenset(
                {"pg_checkpoint", "pg_read_all_data", "pg_read_all_settings", "pg_read_all_stats"}
            ),
            password_variable="POSTGRES_BACKUP_PASSWORD",
        ),
        **{
            names.services[service]: DesiredRole(
                f"The service {service.replace('_', '-')}: what its groups may, and no more.",
                connection_limit=own,
                member_of=frozenset(groups),
                password_variable=password_variable(service),
            )
            for service, groups in SERVICES.items()
        },
    }


def privileges(config: Config) -> frozenset[Privilege]:
    """Everything granted to our roles beyond what they own; PUBLIC has nothing.

    Kinds "tables" and "sequences" are default privileges: what the named roles get on everything
    that the owner makes in that schema from then on.
    """
    names = role_names(config)
    database = config.settings.postgres.database
    granted = [
        *(
            Privilege("database", database, "CONNECT", role)
            for role in names.with_login
            if role != names.migrator  # as a member of the owner
        ),
        *(
            Privilege("database", database, "TEMPORARY", role)
            for role in (names.app, *names.services.values())
        ),
        *(
            Privilege("schema", SCHEMA, "USAGE", role)
            for role in (names.app, names.readonly, names.monitor)
        ),
        *(
            Privilege("tables", SCHEMA, verb, names.app)
            for verb in ("SELECT", "INSERT", "UPDATE", "DELETE")
        ),
        *(Privilege("sequences", SCHEMA, verb, names.app) for verb in ("USAGE", "SELECT")),
        *(Privilege(kind, SCHEMA, "SELECT", names.readonly) for kind in ("tables", "sequences")),
        *(Privilege("function", name, "EXECUTE", names.backup) for name in BACKUP_FUNCTIONS),
    ]
    return frozenset(granted)


def managed(config: Config, privilege: Privilege) -> bool:
    """Whether this privilege is ours to grant and revoke: PUBLIC's, or one of our roles'.

    Somebody else's role keeps what somebody gave it; pg_hba.conf doesn't let it in by TCP.
    """
    return privilege.grantee == PUBLIC or privilege.grantee in role_names(config).all


def _left_for_services(config: Config, readers: int) -> int:
    """The services may fill the server, but leave everyone else their connections."""
    total = config.settings.postgres.max_connections
    reserved = str(config.settings.postgres.settings.get("reserved_connections", 0))
    others = SUPERUSER_RESERVED + readers + _MIGRATORS + _MONITORS + _BACKUPS // 2
    return max(2, total - others - (int(reserved) if reserved.isdecimal() else 0))
