# ruff: noqa: ARG001 - every check takes the same two arguments
"""What happened when we tried the doors: one has to open, the others have to stay shut."""

from __future__ import annotations

from collections.abc import Callable

from rfdata.checklist.item import Check, item, judge, not_applicable, vouch
from rfdata.checklist.servers import TITLE, external, of_server, probes
from rfdata.checklist.words import duration
from rfdata.config.load import Config
from rfdata.config.stranger import why_no_stranger
from rfdata.model.fact import Fact
from rfdata.model.facts import Facts, Probe, Server
from rfdata.model.verdict import Verdict


def login(server: Server) -> Check:
    @item(
        f"probe.{server}_login",
        severity="critical",
        remedy="the answer says which: server down, password, certificate or access rule; rfdata up",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """This is what a service does at its start; nothing else proves that it will come up."""
        found = probes(facts, server).login
        how = "SELECT 1" if server == "postgres" else "PING"
        verb = "answered" if found.value.accepted else "refused"
        return judge(
            found.value.accepted,
            f"{TITLE[server]} answers {how} to the services' user, certificate verified",
            f"{verb}: {found.value.detail}",
            found,
        )

    return check


def answers_in_time(server: Server) -> Check:
    @item(
        f"probe.{server}_answers_in_time",
        severity="medium",
        remedy="look for what keeps it busy: CPU limit, disk, long commands (SLOWLOG, pg_stat_activity)",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """A server slower than the health poll's time-out is restarted while it works."""
        found = probes(facts, server).login
        limit = config.settings.health.timeout
        return judge(
            found.value.milliseconds <= limit * 1000,
            f"a login and an answer within {duration(limit)}",
            f"{found.value.milliseconds:.0f} ms",
            found,
        )

    return check


def plaintext_refused(server: Server) -> Check:
    @item(
        f"probe.{server}_plaintext_refused",
        severity="critical",
        remedy="PostgreSQL: hostssl rules and a rejecting hostnossl; Redis: port 0 (rfdata up does both)",
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """A client that forgot TLS would send its password in the clear, and nobody would notice."""
        return _refused("a connection without TLS", probes(facts, server).plaintext)

    return check


def wrong_password_refused(server: Server) -> Check:
    @item(
        f"probe.{server}_wrong_password_refused",
        severity="critical",
        remedy="find the rule that asks for no password: trust in pg_hba.conf, nopass in the ACL",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """A server that takes any password has none."""
        return _refused("a login with a made-up password", probes(facts, server).wrong_password)

    return check


def no_password_refused(server: Server) -> Check:
    @item(
        f"probe.{server}_no_password_refused",
        severity="critical",
        remedy="find the rule that asks for no password: trust in pg_hba.conf, nopass in the ACL",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Open data stores are found by scanners within hours, emptied, and held to ransom."""
        return _refused("a client without a password", probes(facts, server).no_password)

    return check


def foreign_ca_refused(server: Server) -> Check:
    @item(
        f"probe.{server}_foreign_ca_refused",
        severity="high",
        remedy="serve a certificate that was issued by the deployment's own CA: rfdata certs renew",
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """If a client that trusts another CA is content, an impostor's certificate would do as well."""
        found = probes(facts, server).foreign_ca
        return _refused("by a client that trusts only another CA", found, "turned down")

    return check


def old_tls_refused(server: Server) -> Check:
    @item(
        f"probe.{server}_old_tls_refused",
        severity="high",
        remedy="ssl_min_protocol_version = 'TLSv1.2'; Redis: tls-protocols \"TLSv1.2 TLSv1.3\"",
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """Whoever is on the way talks both sides down to the oldest version that they share."""
        return _refused("a client with TLS 1.1 at most", probes(facts, server).old_tls)

    return check


@item(
    "probe.postgres_foreign_network_refused",
    severity="critical",
    remedy="narrow pg_hba.conf to postgres.networks and listen_addresses to what services need",
)
def foreign_network_refused(config: Config, facts: Facts) -> Verdict:
    """Passwords leak; a stolen one must be worth nothing from outside of our own networks."""
    if external(config):
        return not_applicable("which networks someone else's server is for is not known here")
    who = "a client from outside the configured networks"
    if why := why_no_stranger(config):
        return vouch(f"{who}: refused", f"{why}; try to log in from a machine outside of them")
    return _refused(who, facts.postgres.probes.foreign_network)


PER_SERVER: tuple[Callable[[Server], Check], ...] = (
    login,
    answers_in_time,
    plaintext_refused,
    wrong_password_refused,
    no_password_refused,
    foreign_ca_refused,
    old_tls_refused,
)


def _refused(who: str, found: Fact[Probe], word: str = "refused") -> Verdict:
    """Only the server's own refusal counts: a server that can't be reached is an unread fact."""
    verb = "accepted" if found.value.accepted else word
    return judge(
        found.value.accepted is False, f"{who}: {word}", f"{verb}: {found.value.detail}", found
    )
