# ruff: noqa: ARG001 - every check takes the same two arguments
"""The variables of `.env`: what services are told about the layer."""

from __future__ import annotations

from collections.abc import Callable

from rfdata.checklist.item import Check, expect, item, judge, not_applicable, part, vouch
from rfdata.checklist.servers import (
    PREFIX,
    SECTION,
    URL,
    RedisServer,
    absent,
    external,
    of_server,
    server_settings,
    tls_optional,
)
from rfdata.checklist.words import listing
from rfdata.config.env import MINIMUM_LENGTH, SECRETS
from rfdata.config.load import Config
from rfdata.config.variables import NAMES
from rfdata.model.facts import Facts, Server, UrlParts
from rfdata.model.verdict import Verdict

LEAST_ENTROPY = {"dev": 40.0, "prod": 128.0}
"""Bits: an upper bound below which a password is a phrase or a pattern, whatever its length."""


@item(
    "env.complete",
    severity="high",
    remedy="rfdata init adds every variable that is missing and keeps the others",
)
def complete(config: Config, facts: Facts) -> Verdict:
    """A variable that is missing shows itself as a service that can't start, at deployment time."""
    wanted = {"DATABASE_URL", "REDIS_URL"} if external(config) else set(NAMES)
    missing = wanted - facts.env.names.value
    return judge(
        not missing,
        f"a value for each of {len(wanted)} variables",
        f"without a value: {listing(missing)}",
        facts.env.names,
    )


@item(
    "env.postgres_user",
    severity="medium",
    remedy="set POSTGRES_USER to postgres.user of rfdata.toml, or run rfdata init",
)
def postgres_user(config: Config, facts: Facts) -> Verdict:
    """Services that log in with another name than the one that was created are turned away."""
    return _same(config, facts, "postgres", "POSTGRES_USER", config.settings.postgres.user)


@item(
    "env.postgres_database",
    severity="medium",
    remedy="set POSTGRES_DB to postgres.database of rfdata.toml, or run rfdata init",
)
def postgres_database(config: Config, facts: Facts) -> Verdict:
    """Two names for one database end with a service that works on an empty one."""
    return _same(config, facts, "postgres", "POSTGRES_DB", config.settings.postgres.database)


def host(server: Server) -> Check:
    variable = f"{PREFIX[server]}_HOST"

    @item(
        f"env.{server}_host",
        severity="medium",
        remedy=f"set {variable} to {SECTION[server]}.host of rfdata.toml, or run rfdata init",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Services look for the server where this variable says, not where rfdata put it."""
        return _same(config, facts, server, variable, server_settings(config, server).host)

    return check


def port(server: Server) -> Check:
    variable = f"{PREFIX[server]}_PORT"

    @item(
        f"env.{server}_port",
        severity="medium",
        remedy=f"set {variable} to {SECTION[server]}.port of rfdata.toml, or run rfdata init",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """A port that differs from the server's own reaches nobody, or somebody else's server."""
        return _same(config, facts, server, variable, str(server_settings(config, server).port))

    return check


def password(server: Server) -> Check:
    variable = f"{PREFIX[server]}_PASSWORD"

    @item(
        f"env.{server}_password",
        severity="high",
        remedy=f"remove the value of {variable} and run rfdata init: it makes 43 random characters",
    )
    @of_server(server)
    def check(config: Config, facts: Facts) -> Verdict:
        """Short passwords are guessed: both servers answer thousands of attempts a second."""
        least = MINIMUM_LENGTH[config.profile]
        expected = f"at least {least} characters in {variable}"
        if external(config) and variable not in facts.env.names.value:
            return vouch(expected, f"{variable} is not set; the password is inside {URL[server]}")
        found = part(facts.env.strengths, variable)
        return judge(found.value.length >= least, expected, f"{found.value.length}", found)

    return check


@item(
    "env.password_lengths",
    severity="high",
    remedy="remove the values of the variables named and run rfdata init, then rfdata up",
)
def password_lengths(config: Config, facts: Facts) -> Verdict:
    """Every role's password opens the layer: the weakest one is the layer's."""
    least = MINIMUM_LENGTH[config.profile]
    strengths = facts.env.strengths.value
    short = {name for name, found in strengths.items() if found.length < least}
    return judge(
        not short,
        f"at least {least} characters in each of {len(strengths)} secrets",
        f"shorter: {listing(short)}",
        facts.env.strengths,
    )


@item(
    "env.password_entropy",
    severity="high",
    remedy="remove the values of the variables named and run rfdata init: it draws 256 random bits",
)
def password_entropy(config: Config, facts: Facts) -> Verdict:
    """Length alone says little: forty times the same letter is the first thing that is tried."""
    least = LEAST_ENTROPY[config.profile]
    strengths = facts.env.strengths.value
    weak = {name for name, found in strengths.items() if found.entropy_bits < least}
    return judge(
        not weak,
        f"characters that can carry {least:.0f} bits or more in each of {len(strengths)} secrets",
        f"fewer: {listing(weak)}",
        facts.env.strengths,
    )


@item(
    "env.password_characters",
    severity="low",
    remedy="replace the passwords named by URL-safe ones: remove them and run rfdata init",
)
def password_characters(config: Config, facts: Facts) -> Verdict:
    """A slash or plus in a password breaks the URLs that other programs build from it by hand."""
    strengths = facts.env.strengths.value
    awkward = {n for n, found in strengths.items() if n in SECRETS and not found.url_safe}
    return judge(
        not awkward,
        "only letters, digits, - _ . ~ in every password",
        f"others in: {listing(awkward)}",
        facts.env.strengths,
    )


@item(
    "env.database_url",
    severity="high",
    remedy="run rfdata init: it derives DATABASE_URL from rfdata.toml and POSTGRES_PASSWORD",
)
def database_url(config: Config, facts: Facts) -> Verdict:
    """The URL is what services really use: beside it, the single variables may be right in vain."""
    url = part(facts.env.urls, "DATABASE_URL")
    found = url.value
    actual = f"{_shown(found)}, {_password(found)}"
    if external(config):
        good = found.scheme.startswith("postgres") and bool(found.user and found.host)
        return judge(
            good and bool(found.database) and found.password_matches,
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE that agrees with POSTGRES_PASSWORD",
            actual,
            url,
        )
    postgres = config.settings.postgres
    wanted = UrlParts(
        "postgresql", postgres.user, postgres.host, postgres.port, postgres.database, "", True
    )
    good = _key(found) == _key(wanted) and found.password_matches
    return judge(good, f"{_shown(wanted)}, {_password(wanted)}", actual, url)


@item(
    "env.database_sslmode",
    severity="high",
    remedy="end DATABASE_URL with ?sslmode=verify-full&sslrootcert=PATH_OF_ca.crt (rfdata init does)",
)
def database_sslmode(config: Config, facts: Facts) -> Verdict:
    """Without it a client takes plaintext, and with less than verify-full any certificate at all."""
    if tls_optional(config):
        return not_applicable("in the dev profile, someone else's server may go without TLS")
    url = part(facts.env.urls, "DATABASE_URL")
    mode = url.value.sslmode
    note = ""
    if mode in ("require", "verify-ca"):
        note = f"{mode} encrypts, but does not make sure whose server answers: prefer verify-full"
    return judge(
        mode in ("require", "verify-ca", "verify-full"),
        "sslmode=verify-full (at least require)",
        f"sslmode={mode}" if mode else "no sslmode",
        url,
        note=note,
    )


def redis_url(server: RedisServer) -> Check:
    @item(
        f"env.{server}_url",
        severity="high",
        remedy=f"run rfdata init: it derives {URL[server]} from rfdata.toml and the password",
    )
    def check(config: Config, facts: Facts) -> Verdict:
        """The URL is what services really use; an evicting cache is no place for queues either."""
        if absent(config, server):
            return judge(
                False,
                f"{URL[server]}: a Redis of its own that never evicts (decisions, 5)",
                "not set",
                facts.env.names,
            )
        url = part(facts.env.urls, URL[server])
        found = url.value
        actual = f"{_shown(found)}, {_password(found)}"
        scheme = "redis" if tls_optional(config) else "rediss"
        if external(config):
            good = found.scheme in {scheme, "rediss"} and bool(found.host)
            expected = f"{scheme}://…@HOST:PORT/0, with the password of {PREFIX[server]}_PASSWORD"
            return judge(good and found.password_matches, expected, actual, url)
        ours = server_settings(config, server)
        user = "default" if found.user == "default" else ""
        wanted = UrlParts(scheme, user, ours.host, ours.port, "0", "", True)
        good = _key(found) == _key(wanted)
        expected = f"{_shown(wanted)}, {_password(wanted)}"
        return judge(good and found.password_matches, expected, actual, url)

    return check


def redis_tls(server: RedisServer) -> Check:
    variable = f"{PREFIX[server]}_TLS_ENABLED"

    @item(
        f"env.{server}_tls",
        severity="medium",
        remedy=f"set {variable}=true, or run rfdata init",
    )
    @of_server(server, tls=True)
    def check(config: Config, facts: Facts) -> Verdict:
        """A service that reads false speaks plaintext to a TLS port and only sees time-outs."""
        if external(config) and variable not in facts.env.names.value:
            return not_applicable(f"{URL[server]} alone says it")
        return expect("true", part(facts.env.public, variable))

    return check


PER_SERVER: tuple[Callable[[Server], Check], ...] = (host, port, password)
PER_REDIS: tuple[Callable[[RedisServer], Check], ...] = (redis_url, redis_tls)


def _same(config: Config, facts: Facts, server: Server, variable: str, wanted: str) -> Verdict:
    """The variable equals what we set up; for someone else's server, what its URL says."""
    found = part(facts.env.public, variable)
    if not external(config):
        return expect(wanted, found)
    if variable not in facts.env.names.value:
        return not_applicable(f"{URL[server]} alone says it")
    url = part(facts.env.urls, URL[server])
    said = {
        "USER": url.value.user,
        "DB": url.value.database,
        "HOST": url.value.host,
        "PORT": str(url.value.port),
    }[variable.rpartition("_")[2]]
    return judge(found.value == said, f"{said}, as in {URL[server]}", found.value, found, url)


def _key(url: UrlParts) -> tuple[str, str, str, int, str]:
    scheme = "postgresql" if url.scheme == "postgres" else url.scheme
    return scheme, url.user, url.host, url.port, url.database


def _shown(url: UrlParts) -> str:
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{url.scheme}://{url.user}:…@{host}:{url.port}/{url.database}"


def _password(url: UrlParts) -> str:
    return "the password variable's value" if url.password_matches else "another password"
