# ruff: noqa: ARG001 - every check takes the same two arguments
"""Certificates as the servers present them, and the keys behind them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from rfdata.checklist.deployment import described
from rfdata.checklist.item import Check, item, judge, not_applicable, withheld
from rfdata.checklist.servers import (
    SECTION,
    TITLE,
    external,
    host_of,
    is_set,
    of_server,
    probes,
)
from rfdata.checklist.words import count, listing
from rfdata.config.load import Config
from rfdata.model.facts import Facts, Server
from rfdata.model.verdict import Verdict

LONGEST = timedelta(days=825)
LONGEST_CA = timedelta(days=3650)
SLACK = timedelta(days=1)
"""Certificates begin a little in the past, for clocks that are behind."""
STRONG_KEY = re.compile(r"ECDSA P-(256|384|521)|Ed25519|Ed448")
LEAST_RSA = 2048
"""Bits."""
NO_CA = "TLS_CA_FILE is not set: the system's own authorities are trusted"


@item(
    "tls.ca_valid",
    severity="critical",
    remedy="in good time: move certs/ca.crt and certs/ca.key away, let rfdata up make new ones with "
    "new certificates, and hand certs/ca.crt to every client",
)
def ca_valid(config: Config, facts: Facts) -> Verdict:
    """When the authority ends, every client turns every server down in the same second."""
    if external(config) and not is_set(config, "TLS_CA_FILE"):
        return not_applicable(NO_CA)
    found = facts.certs.ca
    now = facts.gathered_at
    left = found.value.not_after - now
    least = 1 if external(config) else config.settings.tls.renew_before_days
    return judge(
        found.value.not_before <= now and left.days >= least,
        f"an authority that is valid for {count(least, 'more day')} or more",
        f"{count(left.days, 'day')} left, until {found.value.not_after:%Y-%m-%d}",
        found,
    )


@item(
    "tls.ca_own",
    severity="medium",
    remedy="move certs/ca.crt and certs/ca.key away; rfdata up makes an authority for this deployment "
    "alone, of tls.ca_days at most",
)
def ca_own(config: Config, facts: Facts) -> Verdict:
    """An authority that others use too lets their servers pass for ours."""
    if external(config):
        return not_applicable("the authority of someone else's servers is theirs")
    found = facts.certs.ca
    length = found.value.not_after - found.value.not_before
    kind = "self-signed" if found.value.self_signed else "issued by another authority"
    return judge(
        found.value.self_signed and length <= LONGEST_CA + SLACK,
        "the deployment's own authority, self-signed, for 3650 days at most",
        f"{kind}, for {count(length.days, 'day')}",
        found,
    )


@item(
    "tls.ca_key_private",
    severity="critical",
    remedy="chmod 600 certs/ca.key, or move it off this machine (it is needed for renewals only)",
)
def ca_key_private(config: Config, facts: Facts) -> Verdict:
    """Whoever reads it can make a certificate for any name that our clients believe."""
    if external(config):
        return not_applicable("the authority of someone else's servers is theirs")
    found = facts.certs.ca_key
    note = "" if found.value.exists else "kept elsewhere: bring it back for renewals"
    return judge(
        not found.value.exists or not found.value.mode & 0o077,
        "a file of mode 0600, or none on this machine",
        described(found.value),
        found,
        note=note,
    )


def chain(server: Server) -> Check:
    @item(
        f"tls.{server}_chain",
        severity="critical",
        remedy="rfdata certs renew, then rfdata up",
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """Clients that verify turn it down; those that don't would not notice an impostor either."""
        if external(config):
            login = probes(facts, server).login
            good = login.value.accepted and bool(login.value.tls_version)
            return judge(good, "a certificate that we trust", login.value.detail, login)
        found = facts.certs.served[server]
        issued = found.value.issued_by_ca
        actual = "issued by it" if issued else "not issued by it"
        if found.value.self_signed:
            actual = "self-signed"
        return judge(
            issued and not found.value.self_signed,
            "a certificate that was issued by the deployment's CA",
            f"{found.value.subject}: {actual}",
            found,
        )

    return check


def names(server: Server) -> Check:
    @item(
        f"tls.{server}_names",
        severity="high",
        remedy=f"add the name to tls.names in rfdata.toml or mend {SECTION[server]}.host; rfdata up",
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """With verify-full, a client that asks for a name that isn't in it refuses to connect."""
        found = facts.certs.served[server]
        wanted = {host_of(config, facts, server)}
        if not external(config):
            wanted |= {server, *config.settings.tls.names}
        missing = {name for name in wanted if not _named(name, found.value.names)}
        return judge(
            not missing,
            f"names {listing(wanted)}",
            f"missing: {listing(missing)}; has {listing(found.value.names)}",
            found,
        )

    return check


def days_left(server: Server) -> Check:
    @item(
        f"tls.{server}_days_left",
        severity="high",
        remedy="rfdata certs renew (servers take the new ones up without losing a connection)",
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """At the second it ends, no service can connect any more: the classic Sunday outage."""
        found = facts.certs.served[server]
        now = facts.gathered_at
        left = found.value.not_after - now
        least = config.settings.tls.renew_before_days
        return judge(
            found.value.not_before <= now and left.days >= least,
            f"valid now, and for {count(least, 'more day')} or more",
            f"{count(left.days, 'day')} left, until {found.value.not_after:%Y-%m-%d}",
            found,
        )

    return check


def lifetime(server: Server) -> Check:
    @item(
        f"tls.{server}_lifetime",
        severity="low",
        remedy="set tls.certificate_days to 825 or less in rfdata.toml, then rfdata certs renew",
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """Some clients refuse longer ones, and what lasts for ever nobody practises to renew."""
        found = facts.certs.served[server]
        length = found.value.not_after - found.value.not_before
        return judge(
            length <= LONGEST + SLACK, "825 days at most", count(length.days, "day"), found
        )

    return check


def key_type(server: Server) -> Check:
    @item(
        f"tls.{server}_key_type",
        severity="high",
        remedy="rfdata certs renew makes an ECDSA P-256 key",
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """Short RSA keys can be computed, and modern clients turn them down."""
        found = facts.certs.served[server]
        kind, _, bits = found.value.key.partition(" ")
        strong = STRONG_KEY.fullmatch(found.value.key) is not None
        strong = strong or (kind == "RSA" and bits.isdigit() and int(bits) >= LEAST_RSA)
        return judge(
            strong, "ECDSA P-256 or stronger, Ed25519, or RSA 2048 or more", found.value.key, found
        )

    return check


def live(server: Server) -> Check:
    @item(
        f"tls.{server}_live",
        severity="high",
        remedy=f"reload {TITLE[server]}: rfdata up does; the old one stays in use until then",
        host=True,
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """A certificate that was renewed but not reloaded ends on the old one's day."""
        served, on_disk = facts.certs.served[server], facts.certs.on_disk[server]
        return judge(
            served.value.fingerprint == on_disk.value.fingerprint,
            f"the certificate on the disk, {on_disk.value.fingerprint[:16]}…",
            f"{served.value.fingerprint[:16]}…",
            served,
            on_disk,
        )

    return check


def key_file(server: Server) -> Check:
    @item(
        f"tls.{server}_key_file",
        severity="critical",
        remedy="chown it to the server's system user and chmod 600 (rfdata up does)",
        host=True,
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """Who can read the key can pass for the server; a server that can't read it doesn't start."""
        key, process = facts.certs.keys[server], facts.host.processes[server]
        if process.value == "stopped":
            raise withheld(process, "the server is stopped: whose the key has to be isn't known")
        user = process.value.user
        return judge(
            key.value.exists and not key.value.mode & 0o077 and key.value.user == user,
            f"a file of mode 0600, owned by {user}, who runs the server",
            described(key.value),
            key,
            process,
        )

    return check


def protocol(server: Server) -> Check:
    @item(
        f"tls.{server}_protocol",
        severity="high",
        remedy="allow TLS 1.3 (or 1.2) on both sides: ssl_max_protocol_version, tls-protocols",
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """What client and server really agreed on when the services' user logged in."""
        found = probes(facts, server).login
        version = found.value.tls_version
        return judge(
            version in ("TLSv1.2", "TLSv1.3"), "TLSv1.3 (or TLSv1.2)", version or "no TLS", found
        )

    return check


PER_SERVER: tuple[Callable[[Server], Check], ...] = (
    chain,
    names,
    days_left,
    lifetime,
    key_type,
    live,
    key_file,
    protocol,
)


def _named(name: str, names: frozenset[str]) -> bool:
    """The name itself, or a wildcard for its first label.

    >>> _named("db.example.org", frozenset({"*.example.org"}))
    True
    """
    return name in names or f"*.{name.partition('.')[2]}" in names
