"""Everything that is read of PostgreSQL, as readings; and the readings as facts."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rfdata.config.load import Config
from rfdata.errors import NotPermitted, Unreachable
from rfdata.model.fact import Fact
from rfdata.model.facts import (
    Activity,
    Database,
    HbaRule,
    PostgresFacts,
    PostgresServer,
    Privilege,
    Probes,
    Role,
    Setting,
)
from rfdata.postgres import client, logs, probes, scram
from rfdata.postgres.client import ask
from rfdata.postgres.desired_roles import role_names, roles
from rfdata.postgres.wire import Knock, knock
from rfdata.readings import Chain, Reading, single
from rfdata.secrets import Secret
from rfdata.shell import Command, run
from rfdata.tls.handshake import trusting_anyone

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    Session = Connection[TupleRow]

NOT_READY = frozenset({"57P03"})
"""SQLSTATE of a server that is starting, stopping or recovering."""

NO_LOGS = "the log files of someone else's server can't be read from here"


def chains(
    config: Config,
    *,
    socket: Path | None = None,
    logs_folder: Path | None = None,
    pg_isready: Path | None = None,
) -> list[Chain[Any]]:
    """Readings of every fact in PostgresFacts.

    With a `socket` folder the operator's connection is used: two of them, because some facts belong
    to the cluster and some to one database. Without, DATABASE_URL's role reads what it may.
    """
    timeout = config.settings.verify.fact_timeout
    return [
        *_queries(config, socket, timeout),
        single(
            "postgres.ready", _ready_from(config, pg_isready), partial(_ready, config, pg_isready)
        ),
        single(
            "postgres.log",
            f"{logs_folder}/{logs.PATTERN}" if logs_folder else "the server's log files",
            partial(_log, logs_folder),
        ),
        *probes.chains(config, timeout),
    ]


def build(found: Mapping[str, Fact[Any]]) -> PostgresFacts:
    """The readings of `chains` as facts."""
    probe = Probes(**{f.name: found[f"postgres.probes.{f.name}"] for f in fields(Probes)})
    named = [field.name for field in fields(PostgresFacts) if field.name != "probes"]
    return PostgresFacts(probes=probe, **{name: found[f"postgres.{name}"] for name in named})


def _queries(config: Config, socket: Path | None, timeout: float) -> list[Chain[Any]]:
    """Two chains: what the cluster knows, and what only the deployment's database knows."""
    if socket is None:
        over = "DATABASE_URL"
        return [
            Chain(_service(config, timeout), _cluster(config, over, operator=False)),
            Chain(_service(config, timeout), _database(config, over)),
        ]
    over, postgres = "the operator's socket", config.settings.postgres
    return [
        Chain(
            _operator(socket, postgres.port, client.MAINTENANCE, timeout),
            _cluster(config, over, operator=True),
        ),
        Chain(
            _operator(socket, postgres.port, postgres.database, timeout), _database(config, over)
        ),
    ]


def _operator(
    socket: Path, port: int, database: str, timeout: float
) -> Callable[[], AbstractContextManager[Session]]:
    return partial(client.operator, socket, port, database, timeout=timeout, read_only=True)


def _service(config: Config, timeout: float) -> Callable[[], AbstractContextManager[Session]]:
    return partial(client.service, config, timeout=timeout, read_only=True)


def _cluster(config: Config, over: str, *, operator: bool) -> tuple[Reading[Session], ...]:
    """In the order of their worth: a chain that runs out of time loses its last ones."""
    return (
        Reading("postgres.server", f"server_version and others over {over}", _read_server),
        Reading("postgres.settings", f"pg_settings over {over}", partial(_read_settings, operator)),
        Reading("postgres.databases", f"pg_database over {over}", _read_databases),
        Reading("postgres.database", f"pg_database over {over}", partial(_read_database, config)),
        Reading("postgres.roles", f"pg_roles over {over}", partial(_read_roles, config, operator)),
        Reading("postgres.hba", f"pg_hba_file_rules over {over}", _read_hba),
        Reading(
            "postgres.config_errors",
            f"pg_file_settings, pg_hba_file_rules, pg_ident_file_mappings over {over}",
            lambda session: tuple(row[0] for row in ask(session, "config_errors")),
        ),
        Reading("postgres.activity", f"pg_stat_activity over {over}", _read_activity),
    )


def _database(config: Config, over: str) -> tuple[Reading[Session], ...]:
    owner = {"owner": "" if config.target == "external" else role_names(config).owner}
    return (
        Reading("postgres.extensions", f"pg_extension over {over}", partial(_pairs, "extensions")),
        Reading(
            "postgres.privileges",
            f"pg_database, pg_namespace, pg_default_acl, pg_proc over {over}",
            lambda session: frozenset(Privilege(*row) for row in ask(session, "privileges", owner)),
        ),
        Reading("postgres.schema_owner", f"pg_namespace over {over}", _read_schema_owner),
        Reading(
            "postgres.extensions_available",
            f"pg_available_extensions over {over}",
            partial(_pairs, "extensions_available"),
        ),
    )


def _read_server(session: Session) -> PostgresServer:
    version, number, started, data, in_recovery, segment = ask(session, "server")[0]
    return PostgresServer(
        version=version.split()[0],
        version_num=number,
        started_at=datetime.fromtimestamp(started, UTC),
        data_directory=data,
        in_recovery=in_recovery,
        wal_segment_bytes=segment,
    )


def _read_settings(operator: bool, session: Session) -> dict[str, Setting]:
    altered = {row[0] for row in ask(session, "altered")} if operator else set()
    return {
        name: Setting(value, unit, context, source, pending, type, default, name in altered)
        for name, value, unit, context, source, pending, type, default in ask(session, "settings")
    }


def _read_databases(session: Session) -> frozenset[str]:
    return frozenset(row[0] for row in ask(session, "databases"))


def _read_database(config: Config, session: Session) -> Database:
    name = session.info.dbname if config.target == "external" else config.settings.postgres.database
    rows = ask(session, "database", {"database": name})
    if not rows:
        raise Unreachable(f"there is no database {name}")
    owner, encoding, provider, locale, recorded, actual = rows[0]
    kind: Literal["libc", "icu"] = "icu" if provider == "i" else "libc"
    return Database(owner, encoding, kind, locale, recorded, actual)


def _pairs(name: str, session: Session) -> dict[str, str]:
    return {key: value for key, value in ask(session, name)}  # noqa: C416 - rows are tuples of Any


def _read_schema_owner(session: Session) -> str:
    rows = ask(session, "schema_owner")
    if not rows:
        raise Unreachable("there is no schema public")
    owner: str = rows[0][0]
    return owner


def _read_roles(config: Config, operator: bool, session: Session) -> dict[str, Role]:
    """Passwords are compared here and now; what is stored goes no further."""
    stored: dict[str, str] = dict(ask(session, "passwords")) if operator else {}
    variables = (
        {name: role.password_variable for name, role in roles(config).items()} if operator else {}
    )
    ours = {name: config.secret(held) for name, held in variables.items() if held}
    return {
        row[0]: Role(
            login=row[1],
            superuser=row[2],
            create_db=row[3],
            create_role=row[4],
            replication=row[5],
            bypass_rls=row[6],
            connection_limit=row[7],
            member_of=frozenset(row[8]),
            settings=dict(entry.split("=", 1) for entry in row[9]),
            password=_kind(stored.get(row[0])),
            password_matches=_matches(stored.get(row[0]), ours.get(row[0])),
        )
        for row in ask(session, "roles")
    }


def _kind(stored: str | None) -> Literal["scram-sha-256", "md5", "none", "hidden"]:
    if stored is None:
        return "hidden"
    if stored.startswith("SCRAM-SHA-256$"):
        return "scram-sha-256"
    return "md5" if stored.startswith("md5") else "none"


def _matches(stored: str | None, password: Secret | None) -> bool | None:
    if stored is None or password is None:
        return None
    return scram.matches(Secret(stored), password)


def _read_hba(session: Session) -> tuple[HbaRule, ...]:
    return tuple(
        HbaRule(line, type, tuple(databases), tuple(users), _cidr(address, mask), method, error)
        for line, type, databases, users, address, mask, method, error in ask(session, "hba")
    )


def _cidr(address: str, mask: str) -> str:
    """
    >>> _cidr("10.0.0.0", "255.0.0.0"), _cidr("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
    ('10.0.0.0/8', '::1/128')
    """
    if not mask:
        return address
    ones = int(ipaddress.ip_address(mask)).bit_count()
    return f"{address}/{ones}"


def _read_activity(session: Session) -> Activity:
    connections, plaintext, sees_all = ask(session, "activity")[0]
    if not sees_all:
        raise NotPermitted("this role sees only its own sessions; it would need pg_read_all_stats")
    return Activity(connections, plaintext)


def _ready_from(config: Config, pg_isready: Path | None) -> str:
    settings = config.settings.postgres
    if pg_isready is None:
        return "a start-up message over TLS"
    return f"pg_isready -h {settings.host} -p {settings.port}"


def _ready(config: Config, pg_isready: Path | None) -> bool:
    """Over TCP: the server of a first initialisation answers on its socket too (decisions, 2)."""
    known, timeout = client.login(config), config.settings.verify.fact_timeout
    if pg_isready is None:
        who = Knock(known.host, known.port, known.user, known.database)
        return knock(who, trusting_anyone(), timeout).sqlstate not in NOT_READY
    done = run(
        Command(
            (
                *(str(pg_isready), "-h", known.host, "-p", str(known.port)),
                *("-U", known.user, "-d", known.database, "-t", str(max(1, round(timeout)))),
            ),
            timeout=timeout,
        ),
        check=False,
    )
    if done.code not in (0, 1):
        raise Unreachable(f"pg_isready: {done.tail or 'no answer'}")
    return done.code == 0


def _log(folder: Path | None) -> Any:
    if folder is None:
        raise Unreachable(NO_LOGS)
    return logs.read(folder)
