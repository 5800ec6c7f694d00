# ruff: noqa: ARG001 - every check takes the same two arguments
"""Who may come in to Redis and what they may do: ports, TLS, users."""

from __future__ import annotations

from collections.abc import Callable

from rfdata.checklist.acl import HARMFUL, WRITING, allowed
from rfdata.checklist.item import Check, expect, item, judge, not_applicable
from rfdata.checklist.redis import setting
from rfdata.checklist.servers import (
    URL,
    RedisServer,
    external,
    of_server,
    redis_facts,
    redis_settings,
)
from rfdata.checklist.words import listing
from rfdata.config.load import Config
from rfdata.model.facts import Facts
from rfdata.model.verdict import Verdict

OURS = ("default", "admin", "monitor")
OLD = frozenset({"tlsv1", "tlsv1.0", "tlsv1.1", "sslv3"})
NOT_OURS = "the users of someone else's server are not set up by rfdata"


def plaintext_port(server: RedisServer) -> Check:
    @item(
        f"{server}.plaintext_port",
        severity="critical",
        remedy="set port 0 in redis.conf and restart (rfdata up does)",
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """Beside the TLS port, the ordinary one sends passwords and data in the clear."""
        found = setting(facts, server, "port")
        return judge(found.value == "0", "port 0: none without TLS", f"port {found.value}", found)

    return check


def tls_port(server: RedisServer) -> Check:
    @item(
        f"{server}.tls_port",
        severity="high",
        remedy="set tls-port in redis.conf and restart (rfdata up does)",
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """Services reach the server on this port and over TLS only."""
        found = setting(facts, server, "tls-port")
        if external(config):
            return judge(found.value != "0", "a TLS port", f"tls-port {found.value}", found)
        return expect(str(redis_settings(config, server).port), found)

    return check


def tls_protocols(server: RedisServer) -> Check:
    @item(
        f"{server}.tls_protocols",
        severity="high",
        remedy='CONFIG SET tls-protocols "TLSv1.2 TLSv1.3" (rfdata up does)',
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """TLS 1.0 and 1.1 are broken: an attacker on the way talks both sides down to them."""
        found = setting(facts, server, "tls-protocols")
        offered = found.value.lower().split()
        if not offered:
            note = "left to the TLS library's own minimum; better named"
            return judge(True, "no TLS 1.0 and 1.1", "the library's default", found, note=note)
        return judge(not OLD & set(offered), "no TLS 1.0 and 1.1", found.value, found)

    return check


def protected_mode(server: RedisServer) -> Check:
    @item(
        f"{server}.protected_mode",
        severity="medium",
        remedy="CONFIG SET protected-mode yes (rfdata up does)",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """The last line of defence: it refuses strangers should the password ever get lost."""
        return expect("yes", setting(facts, server, "protected-mode"))

    return check


def protected_commands(server: RedisServer) -> Check:
    @item(
        f"{server}.protected_commands",
        severity="high",
        remedy="set enable-debug-command, enable-module-command and enable-protected-configs to no "
        "in redis.conf, then restart",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """MODULE LOAD and a writable dir setting turn a Redis password into a shell on the host."""
        names = ("enable-debug-command", "enable-module-command", "enable-protected-configs")
        found = [setting(facts, server, name) for name in names]
        loose = {f"{n} {f.value}" for n, f in zip(names, found, strict=True) if f.value != "no"}
        return judge(not loose, f"{', '.join(names)}: no", listing(loose, "all no"), *found)

    return check


def default_password(server: RedisServer) -> Check:
    @item(
        f"{server}.default_password",
        severity="critical",
        remedy="rfdata up writes the user default with the password of .env into the ACL file",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Every connection begins as the user default: without a password it is everybody's."""
        found = redis_facts(facts, server).acl
        user = found.value.get("default")
        expected = "the user default is on, with the password of .env and no other"
        if user is None:
            return judge(False, expected, "there is no user default", found)
        if external(config):
            closed = not user.enabled or not user.no_password
            actual = "needs a password" if closed else "needs no password"
            return judge(closed, "the user default needs a password", actual, found)
        states = {
            "off": not user.enabled,
            "needs no password": user.no_password,
            "has another password": not user.no_password and not user.password_matches,
        }
        return judge(
            not any(states.values()),
            expected,
            listing((state for state, is_so in states.items() if is_so), expected),
            found,
        )

    return check


def no_passwordless_user(server: RedisServer) -> Check:
    @item(
        f"{server}.no_passwordless_user",
        severity="critical",
        remedy="ACL SETUSER name resetpass, or ACL DELUSER name, for the users named; then ACL SAVE",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """A user that takes any password is an open door with a name on it."""
        found = redis_facts(facts, server).acl
        loose = {name for name, user in found.value.items() if user.enabled and user.no_password}
        return judge(not loose, "every user that is on needs a password", listing(loose), found)

    return check


def users(server: RedisServer) -> Check:
    @item(
        f"{server}.users",
        severity="high",
        remedy="rfdata up writes default, admin and monitor; ACL DELUSER for any other",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """A user that nobody set up here was left by somebody, or by an intruder."""
        if external(config):
            return not_applicable(NOT_OURS)
        found = redis_facts(facts, server).acl
        on = {name for name, user in found.value.items() if user.enabled}
        good = {name for name in OURS if name in on and found.value[name].password_matches}
        return judge(
            on == set(OURS) == good,
            f"{', '.join(OURS)}, each with its password of .env",
            f"{listing(on)}; with its password: {listing(good)}",
            found,
        )

    return check


def app_commands(server: RedisServer) -> Check:
    @item(
        f"{server}.app_commands",
        severity="high",
        remedy="ACL SETUSER default +@all -@admin -@dangerous, then ACL SAVE (rfdata up does)",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """One service that was broken into could empty, stop or redirect the server for all."""
        found = redis_facts(facts, server).acl
        user = found.value.get("default")
        if external(config):
            user = found.value.get(facts.env.urls.value[URL[server]].user or "default")
        may = allowed(user.rules, HARMFUL) if user else frozenset()
        return judge(
            not may,
            "the services' user may run no admin or dangerous command",
            f"may run: {listing(name.upper().replace('|', ' ') for name in may)}",
            found,
        )

    return check


def monitor_commands(server: RedisServer) -> Check:
    @item(
        f"{server}.monitor_commands",
        severity="medium",
        remedy="rfdata up writes the user monitor: INFO, PING and figures only",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Its password lies in a dashboard's configuration: it must open nothing but figures."""
        if external(config):
            return not_applicable(NOT_OURS)
        found = redis_facts(facts, server).acl
        user = found.value.get("monitor")
        if user is None:
            return judge(False, "a user monitor that only reads", "there is no such user", found)
        may = allowed(user.rules, HARMFUL | WRITING)
        return judge(
            not may,
            "the user monitor may neither write nor administer",
            f"may run: {listing(name.upper().replace('|', ' ') for name in may)}",
            found,
        )

    return check


RULES: tuple[Callable[[RedisServer], Check], ...] = (
    plaintext_port,
    tls_port,
    tls_protocols,
    protected_mode,
    protected_commands,
    default_password,
    no_passwordless_user,
    users,
    app_commands,
    monitor_commands,
)
