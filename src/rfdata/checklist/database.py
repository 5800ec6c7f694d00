# ruff: noqa: ARG001 - every check takes the same two arguments
"""The database itself: version, encoding, collation, ownership, and what everyone may do."""

from __future__ import annotations

import re

from rfdata.checklist.item import item, judge, not_applicable
from rfdata.checklist.roles import MIGRATOR, MONITOR, OWNER, READONLY, app_role, role_name
from rfdata.checklist.servers import external
from rfdata.checklist.words import listing
from rfdata.config.load import Config
from rfdata.model.facts import Facts
from rfdata.model.verdict import Verdict

LOCALES = re.compile(
    r"(en[_-]US(\.utf-?8)?|C\.utf-?8|C\.UTF8|und-x-icu|en-US-x-icu)", re.IGNORECASE
)
"""Decisions, 12."""


@item(
    "postgres.version",
    severity="critical",
    remedy="install PostgreSQL 16 (PGDG: apt-get install postgresql-16) and move data with pg_upgrade",
)
def version(config: Config, facts: Facts) -> Verdict:
    """Services, migrations and backups were tried on 16; data of another major version won't open."""
    found = facts.postgres.server
    return judge(
        found.value.version_num // 10000 == 16, "PostgreSQL 16", found.value.version, found
    )


@item(
    "postgres.database",
    severity="critical",
    remedy="CREATE DATABASE, or set postgres.database in rfdata.toml to the right one; then rfdata up",
)
def database(config: Config, facts: Facts) -> Verdict:
    """Services that connect to a database that isn't there can't start."""
    name = _database(config, facts)
    found = facts.postgres.databases
    return judge(name in found.value, f"database {name}", listing(found.value), found)


@item(
    "postgres.encoding",
    severity="high",
    remedy="dump, create the database anew with ENCODING 'UTF8' TEMPLATE template0, restore",
)
def encoding(config: Config, facts: Facts) -> Verdict:
    """Anything else refuses or garbles names and texts, and can't be changed once there is data."""
    found = facts.postgres.database
    return judge(found.value.encoding == "UTF8", "UTF8", found.value.encoding, found)


@item(
    "postgres.locale",
    severity="medium",
    remedy="dump, create the database anew with LOCALE 'en_US.UTF-8' (or ICU en-US), restore",
)
def locale(config: Config, facts: Facts) -> Verdict:
    """Another locale sorts and compares texts differently from what services and tests expect."""
    found = facts.postgres.database
    actual = f"{found.value.locale} ({found.value.locale_provider})"
    return judge(
        LOCALES.fullmatch(found.value.locale) is not None,
        "en_US.UTF-8, else ICU en-US or C.UTF-8",
        actual,
        found,
    )


@item(
    "postgres.collation_version",
    severity="critical",
    remedy="REINDEX DATABASE, then ALTER DATABASE … REFRESH COLLATION VERSION",
)
def collation_version(config: Config, facts: Facts) -> Verdict:
    """After an upgrade of the system's library, indexes on text miss rows and let doubles in."""
    found = facts.postgres.database
    created, today = found.value.collation_version, found.value.collation_version_now
    if not created and not today:
        note = "this provider records no version: its order never changes"
        return judge(True, "no difference", "no version recorded", found, note=note)
    return judge(
        created == today,
        f"version {created or 'none'}, as when the database was created",
        f"version {today or 'none'} on this host",
        found,
    )


@item(
    "postgres.database_owner",
    severity="high",
    remedy="ALTER DATABASE … OWNER TO the owner role (rfdata up does)",
)
def database_owner(config: Config, facts: Facts) -> Verdict:
    """A database that the services' role owns can be dropped by whoever breaks into a service."""
    wanted = role_name(config, OWNER)
    found = facts.postgres.database
    owner = found.value.owner
    if external(config):
        app = app_role(config, facts)
        return judge(owner != app, f"another owner than {app}", owner, found)
    return judge(owner == wanted, wanted, owner, found)


@item(
    "postgres.schema_owner",
    severity="medium",
    remedy="ALTER SCHEMA public OWNER TO the owner role (rfdata up does)",
)
def schema_owner(config: Config, facts: Facts) -> Verdict:
    """Who owns the schema can drop every table in it."""
    found = facts.postgres.schema_owner
    if external(config):
        app = app_role(config, facts)
        return judge(found.value != app, f"another owner than {app}", found.value, found)
    wanted = role_name(config, OWNER)
    return judge(found.value in (wanted, "pg_database_owner"), wanted, found.value, found)


@item(
    "postgres.public_database",
    severity="high",
    remedy="REVOKE ALL ON DATABASE … FROM PUBLIC (rfdata up does)",
)
def public_database(config: Config, facts: Facts) -> Verdict:
    """By default every role may connect and make temporary tables, one made for another purpose too."""
    found = facts.postgres.privileges
    name = _database(config, facts)
    held = {
        p.privilege
        for p in found.value
        if (p.kind, p.name, p.grantee) == ("database", name, "PUBLIC")
    }
    return judge(not held, f"PUBLIC may do nothing with database {name}", listing(held), found)


@item(
    "postgres.public_schema",
    severity="high",
    remedy="REVOKE ALL ON SCHEMA public FROM PUBLIC (rfdata up does)",
)
def public_schema(config: Config, facts: Facts) -> Verdict:
    """A role that may create in a shared schema can put its own function in another's way."""
    found = facts.postgres.privileges
    held = {
        p.privilege
        for p in found.value
        if (p.kind, p.name, p.grantee) == ("schema", "public", "PUBLIC")
    }
    return judge(not held, "PUBLIC may do nothing in schema public", listing(held), found)


@item(
    "postgres.create_privileges",
    severity="high",
    remedy="REVOKE CREATE ON SCHEMA public (and ON DATABASE) FROM the roles named (rfdata up does)",
)
def create_privileges(config: Config, facts: Facts) -> Verdict:
    """Schema changes outside migrations are in no file, and a break-in could leave objects behind."""
    found = facts.postgres.privileges
    makers = {p.grantee for p in found.value if p.privilege == "CREATE"}
    if external(config):
        app = app_role(config, facts)
        return judge(app not in makers, f"{app} may not create", listing(makers), found)
    allowed = {"postgres", "pg_database_owner"} | {role_name(config, r) for r in (OWNER, MIGRATOR)}
    return judge(
        makers <= allowed,
        "only the owner (and the migrator through it) may create",
        f"also: {listing(makers - allowed)}",
        found,
    )


@item(
    "postgres.connect_privileges",
    severity="high",
    remedy="GRANT CONNECT ON DATABASE and USAGE ON SCHEMA public TO the roles named (rfdata up does)",
)
def connect_privileges(config: Config, facts: Facts) -> Verdict:
    """With PUBLIC's rights revoked, a role that was granted none can log in but reach nothing."""
    if external(config):
        return not_applicable("proved by the services' own login; the other roles are not ours")
    found, roles = facts.postgres.privileges, facts.postgres.roles
    owner = facts.postgres.database.value.owner
    names = [app_role(config, facts)]
    names += [role_name(config, role) for role in (MIGRATOR, READONLY, MONITOR)]
    database = config.settings.postgres.database
    needs = [("database", database, "CONNECT"), ("schema", "public", "USAGE")]
    missing = set()
    for name in names:
        known = roles.value.get(name)
        grantees = {name, "PUBLIC", *(known.member_of if known else ())}
        if owner in grantees:
            continue
        held = {(p.kind, p.name, p.privilege) for p in found.value if p.grantee in grantees}
        for need in needs[:1] if name.endswith(MONITOR) else needs:
            if need not in held:
                missing.add(f"{name}: {need[2]} on {need[0]} {need[1]}")
    return judge(
        not missing,
        f"CONNECT on database {database} for {', '.join(names)}, and USAGE on schema public",
        f"missing: {listing(missing)}",
        found,
        roles,
        facts.postgres.database,
    )


@item(
    "postgres.no_remote_plaintext",
    severity="critical",
    remedy="give those clients sslmode=verify-full, and pg_hba.conf hostssl lines only",
)
def no_remote_plaintext(config: Config, facts: Facts) -> Verdict:
    """Someone is sending a password and rows in the clear right now."""
    if external(config) and not config.production:
        return not_applicable("in the dev profile, someone else's server may go without TLS")
    found = facts.postgres.activity
    open_ones = found.value.remote_plaintext
    return judge(open_ones == 0, "no TCP connection without TLS", f"{open_ones} such", found)


def _database(config: Config, facts: Facts) -> str:
    if external(config):
        return facts.env.urls.value["DATABASE_URL"].database
    return config.settings.postgres.database
