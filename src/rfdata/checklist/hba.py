# ruff: noqa: ARG001 - every check takes the same two arguments
"""Who may come in to PostgreSQL, from where and how: pg_hba.conf as the server has read it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from rfdata.checklist.durability import setting
from rfdata.checklist.item import item, judge, not_applicable
from rfdata.checklist.roles import SUPERUSER
from rfdata.checklist.servers import tls_optional
from rfdata.checklist.words import listing
from rfdata.config.load import Config
from rfdata.model.facts import Facts, HbaRule
from rfdata.model.verdict import Verdict

WEAK = frozenset({"trust", "password", "md5", "ident"})
FAMILIES = frozenset({4, 6})
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@item(
    "postgres.password_encryption",
    severity="high",
    remedy="rfdata up; by hand: ALTER SYSTEM SET password_encryption = 'scram-sha-256'; SELECT pg_reload_conf()",
)
def password_encryption(config: Config, facts: Facts) -> Verdict:
    """The next password that anyone sets would be stored as md5."""
    found = setting(facts, "password_encryption")
    return judge(found.value.value == "scram-sha-256", "scram-sha-256", found.value.value, found)


@item(
    "postgres.ssl",
    severity="critical",
    remedy="rfdata up; by hand: ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf()",
)
def ssl(config: Config, facts: Facts) -> Verdict:
    """Without TLS, everyone on the way reads the passwords and rows."""
    if tls_optional(config):
        return not_applicable("in the dev profile, someone else's server may go without TLS")
    found = setting(facts, "ssl")
    return judge(found.value.value == "on", "ssl = on", f"ssl = {found.value.value}", found)


@item(
    "postgres.tls_minimum",
    severity="high",
    remedy="rfdata up; by hand: ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.2'; SELECT pg_reload_conf()",
)
def tls_minimum(config: Config, facts: Facts) -> Verdict:
    """TLS 1.0 and 1.1 are broken: an attacker on the way talks both sides down to them."""
    if tls_optional(config):
        return not_applicable("in the dev profile, someone else's server may go without TLS")
    found = setting(facts, "ssl_min_protocol_version")
    return judge(
        found.value.value in ("TLSv1.2", "TLSv1.3"), "TLSv1.2 or TLSv1.3", found.value.value, found
    )


@item(
    "postgres.hba_methods",
    severity="critical",
    remedy="replace trust, password, md5 and ident by scram-sha-256 (socket: peer); reload",
    host=True,
)
def hba_methods(config: Config, facts: Facts) -> Verdict:
    """trust asks for no password at all, password sends it as it is, md5 can be replayed."""
    found = facts.postgres.hba
    weak = [rule for rule in found.value if rule.method in WEAK]
    return judge(
        not weak,
        "scram-sha-256, cert, peer or reject in every rule",
        _rules(weak),
        found,
    )


@item(
    "postgres.hba_tls_only",
    severity="critical",
    remedy="write hostssl for every rule that lets someone in over TCP, and reject hostnossl; reload",
    host=True,
)
def hba_tls_only(config: Config, facts: Facts) -> Verdict:
    """ssl = on only offers TLS: a host rule lets a client without it in all the same."""
    found = facts.postgres.hba
    plain = [rule for rule in _welcoming(found.value) if rule.type not in ("hostssl", "hostgssenc")]
    return judge(not plain, "only hostssl rules let anyone in over TCP", _rules(plain), found)


@item(
    "postgres.hba_networks",
    severity="critical",
    remedy="narrow those rules to postgres.networks of rfdata.toml (rfdata up writes them), reload",
    host=True,
)
def hba_networks(config: Config, facts: Facts) -> Verdict:
    """A rule for everywhere makes the whole internet guess passwords, as soon as a firewall slips."""
    found = facts.postgres.hba
    networks = [ipaddress.ip_network(network) for network in config.settings.postgres.networks]
    wide = [rule for rule in _welcoming(found.value) if not _within(rule.address, networks)]
    return judge(
        not wide,
        f"only from {listing(config.settings.postgres.networks)}",
        f"also: {_rules(wide)}",
        found,
    )


@item(
    "postgres.hba_has_a_way_in",
    severity="high",
    remedy="rfdata up writes a hostssl rule for every network of postgres.networks",
    host=True,
)
def hba_has_a_way_in(config: Config, facts: Facts) -> Verdict:
    """A network that is configured but that no rule lets in: its services are turned away."""
    found = facts.postgres.hba
    open_ones = [n for rule in _welcoming(found.value) for n in _network(rule.address)]
    wanted = [ipaddress.ip_network(network) for network in config.settings.postgres.networks]
    closed = {str(network) for network in wanted if not _covered(network, open_ones)}
    return judge(
        not closed, "a rule for every configured network", f"none for: {listing(closed)}", found
    )


@item(
    "postgres.superuser_not_remote",
    severity="critical",
    remedy="begin pg_hba.conf's TCP rules with: host all postgres all reject; reload",
    host=True,
)
def superuser_not_remote(config: Config, facts: Facts) -> Verdict:
    """Whoever guesses the superuser's password over the network has the machine's data whole."""
    rules, roles = facts.postgres.hba, facts.postgres.roles
    superuser = roles.value.get(SUPERUSER)
    open_ones = _superuser_rules(rules.value)
    passwordless = superuser is not None and superuser.password == "none"
    how = "it has no password" if passwordless else "it has a password"
    actual = f"{_rules(open_ones)}; {how}" if open_ones else "no rule lets it in over TCP"
    return judge(
        not open_ones
        or (passwordless and all(rule.method == "scram-sha-256" for rule in open_ones)),
        f"{SUPERUSER} can't log in over TCP",
        actual,
        rules,
        roles,
    )


def _welcoming(rules: Iterable[HbaRule]) -> list[HbaRule]:
    return [rule for rule in rules if rule.type != "local" and rule.method != "reject"]


def _superuser_rules(rules: Iterable[HbaRule]) -> list[HbaRule]:
    """Rules that would let the superuser in over TCP: the first that matches an address counts."""
    refused: set[tuple[str, int]] = set()
    found = []
    for rule in rules:
        named = any(user in (SUPERUSER, "all") or user[:1] in "+/" for user in rule.users)
        if rule.type == "local" or not named:
            continue
        kinds = {"replication" if name == "replication" else "all" for name in rule.databases}
        if rule.method != "reject":
            families = {network.version for network in _network(rule.address)} or FAMILIES
            if any((kind, family) not in refused for kind in kinds for family in families):
                found.append(rule)
        elif rule.type in ("host", "hostssl") and {"all", "replication"} & set(rule.databases):
            everywhere = {n.version for n in _network(rule.address) if n.prefixlen == 0}
            refused |= {(kind, family) for kind in kinds for family in everywhere}
    return found


def _network(address: str) -> list[Network]:
    """An address of a rule as networks; host names and samenet can't be told and give none."""
    if address == "all":
        return [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
    try:
        return [ipaddress.ip_network(address, strict=False)]
    except ValueError:
        return []


def _within(address: str, networks: list[Network]) -> bool:
    found = _network(address)
    return bool(found) and all(_covered(network, networks) for network in found)


def _covered(network: Network, by: Iterable[Network]) -> bool:
    return any(
        other.version == network.version
        and network.network_address in other
        and network.prefixlen >= other.prefixlen
        for other in by
    )


def _rules(rules: Iterable[HbaRule]) -> str:
    shown = [
        f"line {r.line}: {r.type} {','.join(r.databases)} {','.join(r.users)} {r.address} {r.method}"
        for r in rules
    ]
    return "; ".join(shown) or "none"
