"""Who may connect from where: pg_hba.conf and pg_ident.conf. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from rfdata.config.load import Config
from rfdata.postgres.conf import HEADER
from rfdata.postgres.desired_roles import SUPERUSER, role_names

MAP = "operator"

Rule = tuple[str, str, str, str, str]
"""Type, databases, users, address, method."""


def render_hba(config: Config) -> str:
    """pg_hba.conf: TLS and SCRAM for the configured networks, the socket for the operator, no more.

    The first line that fits decides, and every kind of connection has a line that rejects it: a
    refusal then names itself in the log, whatever line a person adds later at the end.
    """
    return HEADER + "".join(f"\n# {why}\n{_table(rules)}" for why, rules in _blocks(config))


def render_ident(config: Config, system_users: Iterable[str]) -> str:
    """pg_ident.conf: these system users are the operator, on the socket of this machine.

    `system_users`: root, the server's own and the one who runs rfdata. They may also come as the
    backup role, so that backup programs without TLS run with less than the superuser's rights.
    """
    backup = role_names(config).backup
    users = tuple(dict.fromkeys(system_users))
    lines = [
        f"{MAP:<10} {_quote(user):<20} {_quote(role)}\n"
        for role in (SUPERUSER, backup)
        for user in users
    ]
    return f"{HEADER}\n# map       system user          role\n" + "".join(lines)


def _blocks(config: Config) -> tuple[tuple[str, tuple[Rule, ...]], ...]:
    names = role_names(config)
    database = _quote(config.settings.postgres.database)
    networks = config.settings.postgres.networks
    services = ",".join(_quote(role) for role in names.with_login)
    backup, peer, scram = _quote(names.backup), f"peer map={MAP}", "scram-sha-256"
    return (
        (
            "The unix socket: the operator, known by the system user; and backup programs.",
            (
                ("local", "all", _quote(SUPERUSER), "", peer),
                ("local", "replication", f"{_quote(SUPERUSER)},{backup}", "", peer),
                ("local", database, backup, "", peer),
                ("local", "all", "all", "", "reject"),
                ("local", "replication", "all", "", "reject"),
            ),
        ),
        (
            "Never without TLS.",
            (
                ("hostnossl", "all", "all", "all", "reject"),
                ("hostnossl", "replication", "all", "all", "reject"),
            ),
        ),
        (
            "The superuser never comes over the network.",
            (
                ("host", "all", _quote(SUPERUSER), "all", "reject"),
                ("host", "replication", _quote(SUPERUSER), "all", "reject"),
            ),
        ),
        (
            "Our roles, our database, our networks: TLS and SCRAM.",
            tuple(("hostssl", database, services, network, scram) for network in networks),
        ),
        (
            "Physical backups and WAL streaming.",
            tuple(("hostssl", "replication", backup, network, scram) for network in networks),
        ),
        (
            "Everyone else, from everywhere.",
            (
                ("host", "all", "all", "all", "reject"),
                ("host", "replication", "all", "all", "reject"),
            ),
        ),
    )


def _table(rules: tuple[Rule, ...]) -> str:
    """Columns as wide as their widest cell."""
    widths = [max(len(rule[column]) for rule in rules) for column in range(5)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(rule, widths, strict=True)).rstrip()
        + "\n"
        for rule in rules
    )


def _quote(name: str) -> str:
    """In quotes a name is a name: `all` or `replication` lose their meaning.

    A system user's name may hold a quote only if someone made it by hand; it is doubled.
    """
    return '"' + name.replace('"', '""') + '"'
