"""Carrying out one SQL action over the operator's connection. Doing it twice does no harm."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, LiteralString, cast

from rfdata.config.load import Config
from rfdata.errors import ChangeFailed
from rfdata.model.facts import Privilege
from rfdata.model.plan import (
    AlterRole,
    CreateDatabase,
    CreateExtension,
    CreateRole,
    Grant,
    GrantRole,
    ResetSetting,
    Revoke,
    RevokeRole,
    SetOwner,
    SetPassword,
    SetRoleSetting,
    SqlAction,
)
from rfdata.postgres import scram
from rfdata.postgres.client import MAINTENANCE, ask, explained
from rfdata.postgres.desired_roles import PUBLIC, role_names

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow
    from psycopg.sql import SQL, Composed

    Statement = SQL | Composed

    Session = Connection[TupleRow]

Connect = Callable[[str], AbstractContextManager["Session"]]
"""Opens the operator's connection to the database named; autocommit."""

GO_ON = "mend the cause, then run `rfdata up` again: it goes on where it stopped"

_ATTRIBUTES: tuple[LiteralString, ...] = (
    "LOGIN",
    "NOLOGIN",
    "SUPERUSER",
    "NOSUPERUSER",
    "CREATEDB",
    "NOCREATEDB",
    "CREATEROLE",
    "NOCREATEROLE",
    "REPLICATION",
    "NOREPLICATION",
    "BYPASSRLS",
    "NOBYPASSRLS",
)
_PRIVILEGES: tuple[LiteralString, ...] = (
    "CONNECT",
    "CREATE",
    "DELETE",
    "EXECUTE",
    "INSERT",
    "MAINTAIN",
    "REFERENCES",
    "SELECT",
    "TEMPORARY",
    "TRIGGER",
    "TRUNCATE",
    "UPDATE",
    "USAGE",
)
_SILENT: tuple[LiteralString, ...] = (
    "SET LOCAL log_statement = 'none'",
    "SET LOCAL log_min_duration_statement = -1",
    "SET LOCAL log_min_duration_sample = -1",
    "SET LOCAL log_transaction_sample_rate = 0",
    "SET LOCAL log_duration = off",
    "SET LOCAL log_min_error_statement = panic",
    "SET LOCAL debug_print_parse = off",
    "SET LOCAL debug_print_rewritten = off",
    "SET LOCAL debug_print_plan = off",
    "SET LOCAL track_activities = off",
    "SET LOCAL pg_stat_statements.track = 'none'",
    "SET LOCAL pg_stat_statements.track_utility = off",
)
"""Every place where a running server keeps the text of a statement."""


def execute(connect: Connect, config: Config, action: SqlAction) -> None:
    """Raises ChangeFailed with the server's reason; Unreachable where there is no connection."""
    import psycopg

    with connect(_where(config, action)) as session:
        try:
            session.execute("SET lock_timeout = '30s'")
            if isinstance(action, SetPassword):
                _set_password(session, action)
                return
            for statement in _statements(session, config, action):
                session.execute(statement)
        except psycopg.Error as error:
            name = type(action).__name__
            raise ChangeFailed(f"PostgreSQL, {name}: {explained(error)}", hint=GO_ON) from None


def reload(connect: Connect, timeout: float = 10.0) -> None:
    """Let the server load its files anew, and wait until it has: new sessions go by them then.

    A file that can't be parsed is never loaded: ChangeFailed then names the first complaint.
    """
    with connect(MAINTENANCE) as session:
        before = ask(session, "load_time")[0][0]
        ask(session, "reload")
    deadline = time.monotonic() + timeout
    while True:
        with connect(MAINTENANCE) as session:
            if ask(session, "load_time")[0][0] > before:
                return
            complaints = ask(session, "config_errors")
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    first = complaints[0][0] if complaints else f"not reloaded within {timeout:g} s"
    raise ChangeFailed(f"PostgreSQL did not take up its files: {first}", hint=GO_ON)


def _where(config: Config, action: SqlAction) -> str:
    """The database in which an action takes place: privileges and extensions belong to one."""
    if isinstance(action, Grant | Revoke | CreateExtension):
        return config.settings.postgres.database
    if isinstance(action, SetOwner) and action.kind == "schema":
        return config.settings.postgres.database
    return MAINTENANCE


def _statements(session: Session, config: Config, action: SqlAction) -> list[Statement]:
    from psycopg.sql import SQL, Identifier, Literal

    match action:
        case CreateRole(role):
            exists = ask(session, "role_exists", {"role": role})
            return [] if exists else [SQL("CREATE ROLE {}").format(Identifier(role))]
        case AlterRole(role, attributes):
            words = SQL(" ").join(_attribute(word) for word in attributes)
            return [SQL("ALTER ROLE {} WITH {}").format(Identifier(role), words)]
        case SetRoleSetting(role, name, value):
            parts = Identifier(role), Identifier(name), Literal(value)
            return [SQL("ALTER ROLE {} SET {} TO {}").format(*parts)]
        case GrantRole(role, member):
            return [SQL("GRANT {} TO {}").format(Identifier(role), Identifier(member))]
        case RevokeRole(role, member):
            grantors = ask(session, "grantors", {"role": role, "member": member})
            return [
                SQL("REVOKE {} FROM {} GRANTED BY {} CASCADE").format(
                    Identifier(role), Identifier(member), Identifier(grantor)
                )
                for (grantor,) in grantors
            ]
        case CreateDatabase(name, owner):
            if ask(session, "database", {"database": name}):
                return []
            return [
                SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    Identifier(name), Identifier(owner)
                )
            ]
        case SetOwner(kind, name, owner):
            what = SQL("DATABASE") if kind == "database" else SQL("SCHEMA")
            return [
                SQL("ALTER {} {} OWNER TO {}").format(what, Identifier(name), Identifier(owner))
            ]
        case CreateExtension(name):
            return [
                SQL("CREATE EXTENSION IF NOT EXISTS {}").format(Identifier(name)),
                SQL("ALTER EXTENSION {} UPDATE").format(Identifier(name)),
            ]
        case Grant(privilege):
            return [_privilege(session, config, privilege, SQL("GRANT {} ON {} TO {}"))]
        case Revoke(privilege):
            return [_privilege(session, config, privilege, SQL("REVOKE {} ON {} FROM {}"))]
        case ResetSetting(name):
            return [SQL("ALTER SYSTEM RESET {}").format(Identifier(*name.split(".")))]
    raise ChangeFailed(f"{type(action).__name__} is no single statement", hint=GO_ON)


def _privilege(session: Session, config: Config, privilege: Privilege, template: SQL) -> Statement:
    """One GRANT or REVOKE; kinds "tables" and "sequences" are default privileges of the owner's."""
    from psycopg.sql import SQL, Identifier

    verb = SQL(_word(privilege.privilege, _PRIVILEGES))
    grantee = SQL("PUBLIC") if privilege.grantee == PUBLIC else Identifier(privilege.grantee)
    name = privilege.name
    match privilege.kind:
        case "database":
            return template.format(verb, SQL("DATABASE {}").format(Identifier(name)), grantee)
        case "schema":
            return template.format(verb, SQL("SCHEMA {}").format(Identifier(name)), grantee)
        case "function":
            return template.format(
                verb, SQL("FUNCTION {}").format(_function(session, name)), grantee
            )
        case "tables" | "sequences":
            owner = Identifier(role_names(config).owner)
            objects = SQL("TABLES") if privilege.kind == "tables" else SQL("SEQUENCES")
            scope = SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} ")
            change = template.format(verb, objects, grantee)
            return scope.format(owner, Identifier(name)) + change
    raise ChangeFailed(f"privileges on a {privilege.kind} are not ours to change", hint=GO_ON)


def _function(session: Session, name: str) -> SQL:
    """A function as the server itself writes it, with every name quoted where it must be."""
    from psycopg.sql import SQL

    rows = ask(session, "function", {"name": name})
    if not rows or rows[0][0] is None:
        raise ChangeFailed(f"PostgreSQL has no function {name}", hint=GO_ON)
    return SQL(cast("LiteralString", rows[0][0]))


def _attribute(word: str) -> Statement:
    from psycopg.sql import SQL, Literal

    limit = word.removeprefix("CONNECTION LIMIT ")
    if limit != word:
        return SQL("CONNECTION LIMIT {}").format(Literal(int(limit)))
    return SQL(_word(word, _ATTRIBUTES))


def _word(word: str, known: tuple[LiteralString, ...]) -> LiteralString:
    """One of the words that may stand in a statement as they are."""
    for literal in known:
        if literal == word:
            return literal
    raise ChangeFailed(f"{word!r} is no word of a GRANT or an ALTER ROLE", hint=GO_ON)


def _set_password(session: Session, action: SetPassword) -> None:
    """The server gets a verifier, never the password, and keeps the statement's text nowhere."""
    from psycopg.sql import SQL, Identifier, Literal

    verifier = scram.verifier(action.password)
    with session.transaction():
        for statement in _SILENT:
            session.execute(statement)
        session.execute(
            SQL("ALTER ROLE {} PASSWORD {}").format(
                Identifier(action.role), Literal(verifier.reveal())
            )
        )
