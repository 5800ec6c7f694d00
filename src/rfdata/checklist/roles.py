"""PostgreSQL's roles: each with what it needs and no more."""

from __future__ import annotations

from collections.abc import Set

from rfdata.checklist.item import item, judge, not_applicable, vouch, withheld
from rfdata.checklist.servers import external
from rfdata.checklist.words import listing
from rfdata.config.load import Config
from rfdata.config.services import GROUPS, READERS, SERVICES
from rfdata.model.facts import Facts, Role
from rfdata.model.verdict import Verdict

OWNER = "owner"
MIGRATOR = "migrator"
READONLY = "readonly"
MONITOR = "monitor"
BACKUP = "backup"
SUPERUSER = "postgres"
BREAK_GLASS = "rf_audit_break_glass"

NOT_OURS = "the roles of someone else's server are not set up by rfdata"
DANGEROUS = frozenset(
    {
        "pg_execute_server_program",
        "pg_write_server_files",
        "pg_read_server_files",
        "pg_write_all_data",
    }
)
"""Predefined roles that reach beyond the database, or past every grant in it."""


def role_name(config: Config, role: str) -> str:
    """A role of ours: the database's name and its purpose."""
    return f"{config.settings.postgres.database}_{role}"


def app_role(config: Config, facts: Facts) -> str:
    """The services' own role; on someone else's server, whoever DATABASE_URL logs in as."""
    if external(config):
        return facts.env.urls.value["DATABASE_URL"].user
    return config.settings.postgres.user


@item(
    "postgres.role_owner",
    severity="high",
    remedy="ALTER ROLE … NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE (rfdata up does)",
)
def role_owner(config: Config, facts: Facts) -> Verdict:
    """Who can log in as the owner can drop everything; nobody needs to."""
    if external(config):
        return not_applicable(NOT_OURS)
    return _role(facts, role_name(config, OWNER), login=False, never=DANGEROUS)


@item(
    "postgres.role_migrator",
    severity="high",
    remedy="GRANT the owner role TO the migrator; take every other attribute away (rfdata up does)",
)
def role_migrator(config: Config, facts: Facts) -> Verdict:
    """Migrations must own what they create, and nothing else should come with it."""
    if external(config):
        return not_applicable(NOT_OURS)
    owner = role_name(config, OWNER)
    return _role(facts, role_name(config, MIGRATOR), needs={owner}, never=DANGEROUS)


@item(
    "postgres.role_app",
    severity="critical",
    remedy="ALTER ROLE … NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS; "
    "REVOKE the owner's and migrator's roles from it (rfdata up does)",
)
def role_app(config: Config, facts: Facts) -> Verdict:
    """One SQL injection in one service would own whatever this role owns."""
    others = {role_name(config, role) for role in (OWNER, MIGRATOR, BACKUP)}
    return _role(
        facts, app_role(config, facts), never=DANGEROUS | others | {SUPERUSER, "pg_read_all_data"}
    )


@item(
    "postgres.role_readonly",
    severity="high",
    remedy="ALTER ROLE … SET default_transaction_read_only = on, and no membership that may write "
    "(rfdata up does)",
)
def role_readonly(config: Config, facts: Facts) -> Verdict:
    """It is handed to analysts and dashboards: it must not be able to change a row."""
    if external(config):
        return not_applicable(NOT_OURS)
    writers = {role_name(config, role) for role in (OWNER, MIGRATOR)} | {app_role(config, facts)}
    return _role(
        facts,
        role_name(config, READONLY),
        never=DANGEROUS | writers | (GROUPS.keys() - set(READERS)),
        read_only=True,
    )


@item(
    "postgres.role_services",
    severity="critical",
    remedy="GRANT and REVOKE its groups, ALTER ROLE … NOSUPERUSER and so on (rfdata up does)",
)
def role_services(config: Config, facts: Facts) -> Verdict:
    """A service that is broken into should give away what it needs itself, not what all need."""
    if external(config):
        return not_applicable(NOT_OURS)
    found = facts.postgres.roles
    wrong = []
    for service, groups in SERVICES.items():
        role = found.value.get(role_name(config, service))
        if role is None:
            wrong.append(f"there is no role {role_name(config, service)}")
        elif not role.login or _attributes(role) or role.member_of != frozenset(groups):
            wrong.append(f"{role_name(config, service)}: {_held(role)}")
    expected = "each service logs in as itself, a member of its own groups and no others"
    actual = "; ".join(wrong) or f"so it is for {listing(SERVICES)}"
    return judge(not wrong, expected, actual, found)


@item(
    "postgres.role_groups",
    severity="high",
    remedy="ALTER ROLE … NOLOGIN NOSUPERUSER, and take the group out of every other (rfdata up does)",
)
def role_groups(config: Config, facts: Facts) -> Verdict:
    """What a group has, all its members have: it must not log in, nor belong to anything itself."""
    if external(config):
        return not_applicable(NOT_OURS)
    found = facts.postgres.roles
    wrong = []
    for group in GROUPS:
        role = found.value.get(group)
        if role is None:
            wrong.append(f"there is no role {group}")
        elif role.login or _attributes(role) or role.member_of:
            wrong.append(f"{group}: {_held(role)}")
    glass = sorted(name for name, role in found.value.items() if BREAK_GLASS in role.member_of)
    wrong += [f"{name} is a member of {BREAK_GLASS}" for name in glass]
    expected = f"{len(GROUPS)} groups that don't log in, and nobody in {BREAK_GLASS}"
    return judge(not wrong, expected, "; ".join(wrong) or "so it is", found)


@item(
    "postgres.role_monitor",
    severity="medium",
    remedy="GRANT pg_monitor TO the monitor role; take every other attribute away (rfdata up does)",
)
def role_monitor(config: Config, facts: Facts) -> Verdict:
    """Monitoring without pg_monitor sees half of the figures; with a superuser's role it sees rows."""
    if external(config):
        return not_applicable(NOT_OURS)
    writers = {role_name(config, role) for role in (OWNER, MIGRATOR)} | {app_role(config, facts)}
    return _role(facts, role_name(config, MONITOR), needs={"pg_monitor"}, never=DANGEROUS | writers)


@item(
    "postgres.role_backup",
    severity="high",
    remedy="ALTER ROLE … LOGIN REPLICATION NOSUPERUSER NOCREATEDB (rfdata up does)",
)
def role_backup(config: Config, facts: Facts) -> Verdict:
    """Without REPLICATION no base backup can be taken; with more, the backup host is a way in.

    BYPASSRLS is fine: without it a dump of a table with row-level security fails.
    """
    if external(config):
        return not_applicable(NOT_OURS)
    writers = {role_name(config, role) for role in (OWNER, MIGRATOR)} | {app_role(config, facts)}
    return _role(
        facts,
        role_name(config, BACKUP),
        attributes=("REPLICATION",),
        may=("BYPASSRLS",),
        never=DANGEROUS | writers,
    )


@item(
    "postgres.superusers",
    severity="critical",
    remedy="ALTER ROLE … NOSUPERUSER for the roles named",
)
def superusers(config: Config, facts: Facts) -> Verdict:
    """A superuser reads every row, every file of the server's user, and runs programs as it."""
    if external(config):
        return not_applicable(NOT_OURS)
    found = facts.postgres.roles
    named = {name for name, role in found.value.items() if role.superuser}
    return judge(named <= {SUPERUSER}, f"only {SUPERUSER}", listing(named), found)


@item(
    "postgres.powers",
    severity="high",
    remedy="ALTER ROLE … NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS for the roles named",
)
def powers(config: Config, facts: Facts) -> Verdict:
    """An attribute given once "to try something" outlives whoever gave it."""
    if external(config):
        return not_applicable(NOT_OURS)
    found = facts.postgres.roles
    ours = {SUPERUSER, role_name(config, BACKUP)}
    surprising = {
        f"{name} ({', '.join(held)})"
        for name, role in found.value.items()
        if name not in ours and (held := _attributes(role))
    }
    return judge(
        not surprising,
        f"no role but {listing(ours)} with SUPERUSER, CREATEDB, CREATEROLE, REPLICATION, BYPASSRLS",
        listing(surprising),
        found,
    )


@item(
    "postgres.passwords_scram",
    severity="critical",
    remedy="SET password_encryption = 'scram-sha-256', then give those roles their password anew",
)
def passwords_scram(config: Config, facts: Facts) -> Verdict:
    """An md5 password hash is as good as the password to whoever reads a backup."""
    found = facts.postgres.roles
    logins = {name: role.password for name, role in found.value.items() if role.login}
    expected = "scram-sha-256 for every role with a password"
    if "hidden" in logins.values():
        hidden = "this role may not see how passwords are stored (pg_authid)"
        if external(config):
            return vouch(expected, hidden)
        raise withheld(found, hidden)
    weak = {name for name, password in logins.items() if password == "md5"}
    return judge(not weak, expected, f"md5: {listing(weak)}", found)


@item(
    "postgres.passwords_match",
    severity="high",
    remedy="rfdata up gives the roles named the password of .env",
)
def passwords_match(config: Config, facts: Facts) -> Verdict:
    """A password that was changed in one place only locks services or operators out."""
    if external(config):
        return not_applicable("proved by the services' own login; the other roles are not ours")
    found = facts.postgres.roles
    names = {app_role(config, facts)}
    names |= {role_name(config, role) for role in (MIGRATOR, READONLY, MONITOR, BACKUP)}
    held = {name: role.password_matches for name, role in found.value.items() if name in names}
    if None in held.values():
        raise withheld(found, "the stored passwords can't be compared with .env")
    other = {name for name in names if not held.get(name)}
    return judge(
        not other, f"the passwords of .env for {listing(names)}", f"other: {listing(other)}", found
    )


def _attributes(role: Role) -> list[str]:
    held = {
        "SUPERUSER": role.superuser,
        "CREATEDB": role.create_db,
        "CREATEROLE": role.create_role,
        "REPLICATION": role.replication,
        "BYPASSRLS": role.bypass_rls,
    }
    return [name for name, is_so in held.items() if is_so]


def _words(role: Role) -> list[str]:
    return ["LOGIN" if role.login else "NOLOGIN", *_attributes(role)]


def _held(role: Role) -> str:
    """What a role has, for a person to read."""
    return f"{' '.join(_words(role))}, member of {listing(role.member_of, 'nothing')}"


def _role(
    facts: Facts,
    name: str,
    *,
    login: bool = True,
    attributes: tuple[str, ...] = (),
    may: tuple[str, ...] = (),
    needs: Set[str] = frozenset(),
    never: Set[str] = frozenset(),
    read_only: bool = False,
) -> Verdict:
    """One role has these attributes, these memberships, and none of those."""
    found = facts.postgres.roles
    wanted = ("LOGIN" if login else "NOLOGIN", *attributes)
    expected = f"{name}: {' '.join(wanted)} and no other attribute"
    if needs:
        expected += f", member of {listing(needs)}"
    if read_only:
        expected += ", default_transaction_read_only = on"
    role = found.value.get(name)
    if role is None:
        return judge(False, expected, f"there is no role {name}", found)
    held = _words(role)
    good = set(wanted) <= set(held) <= {*wanted, *may}
    good = good and needs <= role.member_of and not never & role.member_of
    actual = _held(role)
    if read_only:
        reads_only = role.settings.get("default_transaction_read_only") == "on"
        good = good and reads_only
        actual += f", default_transaction_read_only = {'on' if reads_only else 'off'}"
    return judge(good, expected, actual, found)
