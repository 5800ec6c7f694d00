"""From what is there to what should be: the steps that make roles, database and privileges. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rfdata.config.load import Config
from rfdata.model.facts import PostgresFacts, Privilege, Role
from rfdata.model.plan import (
    Action,
    AlterRole,
    CreateDatabase,
    CreateExtension,
    CreateRole,
    Grant,
    GrantRole,
    Revoke,
    RevokeRole,
    SetOwner,
    SetPassword,
    SetRoleSetting,
    Step,
)
from rfdata.postgres.desired_roles import (
    EXTENSIONS,
    PUBLIC,
    SCHEMA,
    SUPERUSER,
    DesiredRole,
    managed,
    privileges,
    role_names,
    roles,
)

__all__ = ["DesiredRole", "privileges", "role_names", "roles", "steps"]

NEW_ROLE = Role(
    login=False,
    superuser=False,
    create_db=False,
    create_role=False,
    replication=False,
    bypass_rls=False,
    connection_limit=-1,
    member_of=frozenset(),
    settings={},
    password="none",
    password_matches=False,
)
"""What CREATE ROLE alone makes."""


@dataclass(frozen=True, slots=True)
class Found:
    """What of the facts the steps go by; the database's own parts are those of a new one without it."""

    roles: Mapping[str, Role]
    database_owner: str | None
    """None: there is no such database yet."""
    schema_owner: str
    extensions: Mapping[str, str]
    available: Mapping[str, str]
    privileges: frozenset[Privilege]


def found(config: Config, facts: PostgresFacts | None) -> Found:
    """Raises FactUnread where a fact that the steps need could not be read."""
    database = config.settings.postgres.database
    nothing_yet = Found(
        roles={} if facts is None else facts.roles.value,
        database_owner=None,
        schema_owner="pg_database_owner",
        extensions={},
        available={},
        privileges=frozenset(
            {
                Privilege("database", database, "CONNECT", PUBLIC),
                Privilege("database", database, "TEMPORARY", PUBLIC),
                Privilege("schema", SCHEMA, "USAGE", PUBLIC),
            }
        ),
    )
    if facts is None or database not in facts.databases.value:
        return nothing_yet
    return Found(
        roles=facts.roles.value,
        database_owner=facts.database.value.owner,
        schema_owner=facts.schema_owner.value,
        extensions=facts.extensions.value,
        available=facts.extensions_available.value,
        privileges=facts.privileges.value,
    )


def steps(config: Config, facts: PostgresFacts | None) -> tuple[Step, ...]:
    """What makes a running cluster as desired, in an order in which each step can work.

    `None` is a fresh cluster: only `postgres`, and PUBLIC's rights as initdb leaves them. Raises
    FactUnread when something that has to be known is not.
    """
    there = found(config, facts)
    wanted = roles(config)
    return (
        *_roles(wanted, there),
        *_memberships(wanted, there),
        *_role_settings(wanted, there),
        *_database(config, there),
        *_extensions(there),
        *_privileges(config, there),
        *_passwords(config, wanted, there),
    )


def attributes(role: DesiredRole | Role) -> tuple[str, ...]:
    """A role's attributes as ALTER ROLE takes them."""
    superuser, create_db, create_role = (
        (role.superuser, role.create_db, role.create_role)
        if isinstance(role, Role)
        else (False, False, False)
    )
    words = (
        ("LOGIN", role.login),
        ("SUPERUSER", superuser),
        ("CREATEDB", create_db),
        ("CREATEROLE", create_role),
        ("REPLICATION", role.replication),
        ("BYPASSRLS", role.bypass_rls),
    )
    limit = f"CONNECTION LIMIT {role.connection_limit}"
    return (*(word if is_so else f"NO{word}" for word, is_so in words), limit)


def _step(summary: str, reversal: str, action: Action, before: str = "", after: str = "") -> Step:
    detail = tuple(f"{sign} {text}" for sign, text in (("-", before), ("+", after)) if text)
    return Step("roles", summary, reversal, action, detail)


def _roles(wanted: Mapping[str, DesiredRole], there: Found) -> Iterator[Step]:
    for name, role in wanted.items():
        if name not in there.roles:
            yield _step(f"create role {name}: {role.why}", f"DROP ROLE {name}", CreateRole(name))
        now, then = attributes(there.roles.get(name, NEW_ROLE)), attributes(role)
        if now != then:
            changed = [pair for pair in zip(now, then, strict=True) if pair[0] != pair[1]]
            old, new = (" ".join(words) for words in zip(*changed, strict=True))
            yield _step(
                f"alter role {name}: {new}",
                f"ALTER ROLE {name} {old}",
                AlterRole(name, then),
                old,
                new,
            )


def _memberships(wanted: Mapping[str, DesiredRole], there: Found) -> Iterator[Step]:
    for name, role in wanted.items():
        now = there.roles.get(name, NEW_ROLE).member_of
        for group in sorted(role.member_of - now):
            yield _step(
                f"make {name} a member of {group}",
                f"REVOKE {group} FROM {name}",
                GrantRole(group, name),
                after=f"GRANT {group} TO {name}",
            )
        for group in sorted(now - role.member_of):
            yield _step(
                f"take {name} out of {group}",
                f"GRANT {group} TO {name}",
                RevokeRole(group, name),
                before=f"GRANT {group} TO {name}",
            )


def _role_settings(wanted: Mapping[str, DesiredRole], there: Found) -> Iterator[Step]:
    for name, role in wanted.items():
        now = there.roles.get(name, NEW_ROLE).settings
        for setting, value in (role.settings or {}).items():
            old = now.get(setting)
            if old != value:
                back = f"RESET {setting}" if old is None else f"SET {setting} = '{old}'"
                yield _step(
                    f"for {name}, set {setting} = {value}",
                    f"ALTER ROLE {name} {back}",
                    SetRoleSetting(name, setting, value),
                    "" if old is None else f"{setting} = {old}",
                    f"{setting} = {value}",
                )


def _database(config: Config, there: Found) -> Iterator[Step]:
    name, owner = config.settings.postgres.database, role_names(config).owner
    if there.database_owner is None:
        yield _step(
            f"create database {name}, owned by {owner}",
            f"DROP DATABASE {name}, with everything in it",
            CreateDatabase(name, owner),
        )
    elif there.database_owner != owner:
        yield _owner("database", name, there.database_owner, owner)
    if there.schema_owner != owner:
        yield _owner("schema", SCHEMA, there.schema_owner, owner)


def _owner(kind: str, name: str, old: str, new: str) -> Step:
    action = SetOwner("database" if kind == "database" else "schema", name, new)
    return _step(
        f"give {kind} {name} to {new}",
        f"ALTER {kind.upper()} {name} OWNER TO {old}",
        action,
        old,
        new,
    )


def _extensions(there: Found) -> Iterator[Step]:
    for name in EXTENSIONS:
        now, newest = there.extensions.get(name), there.available.get(name, "")
        if now is None:
            yield _step(f"create extension {name}", f"DROP EXTENSION {name}", CreateExtension(name))
        elif newest and now != newest:
            yield _step(
                f"update extension {name} to the installed version",
                "none: restore the database to go back",
                CreateExtension(name),
                now,
                newest,
            )


def _privileges(config: Config, there: Found) -> Iterator[Step]:
    """The owners' own rights come with ownership, and other people's roles are theirs."""
    wanted = privileges(config)
    owner = role_names(config).owner
    surplus = {
        privilege
        for privilege in there.privileges - wanted
        if managed(config, privilege) and privilege.grantee not in (owner, SUPERUSER)
    }
    for privilege in sorted(surplus):
        yield _step(
            f"revoke {_words(privilege, 'from')}",
            f"GRANT {_words(privilege, 'TO')}",
            Revoke(privilege),
        )
    for privilege in sorted(wanted - there.privileges):
        yield _step(
            f"grant {_words(privilege, 'to')}",
            f"REVOKE {_words(privilege, 'FROM')}",
            Grant(privilege),
        )


def _words(privilege: Privilege, preposition: str) -> str:
    if privilege.kind in ("tables", "sequences"):
        place = f"all new {privilege.kind} in schema {privilege.name}"
    else:
        place = f"{privilege.kind} {privilege.name}"
    return f"{privilege.privilege} on {place} {preposition} {privilege.grantee}"


def _passwords(config: Config, wanted: Mapping[str, DesiredRole], there: Found) -> Iterator[Step]:
    for name, role in wanted.items():
        now = there.roles.get(name, NEW_ROLE)
        if role.password_variable is None or now.password == "hidden":
            continue
        if now.password != "scram-sha-256" or now.password_matches is False:
            yield _step(
                f"set the password of {name} to {role.password_variable} of .env",
                "put the old password into .env and run `rfdata up`",
                SetPassword(name, config.secret(role.password_variable)),
                "" if now.password == "none" else f"another password ({now.password})",
                f"{role.password_variable} (scram-sha-256)",
            )
