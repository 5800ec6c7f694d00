"""Attempts to get in: one that must succeed and six that must not. Each asks the live server."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from rfdata.config.load import Config
from rfdata.config.stranger import STRANGER, why_no_stranger
from rfdata.errors import Unreachable
from rfdata.model.facts import Probe
from rfdata.postgres import client
from rfdata.postgres.client import Login
from rfdata.postgres.wire import Answer, Knock, knock
from rfdata.readings import Chain, single
from rfdata.secrets import generate
from rfdata.tls.handshake import offer, offer_tls11, trusting, trusting_anyone, trusting_stranger

_NOT_AUTHORIZED = "28000"
"""SQLSTATE of what pg_hba.conf rejects or has no line for, and of users that don't exist."""

_WRONG_PASSWORD = "28P01"


def chains(config: Config, timeout: float) -> list[Chain[Any]]:
    """The seven probes, each by its path in Facts and on a connection of its own."""
    takes: tuple[tuple[str, str, Callable[[Config, float], Probe]], ...] = (
        ("login", "a login as the app, TLS verified, SELECT 1", login),
        ("plaintext", "a login as the app without TLS", plaintext),
        ("wrong_password", "a login as the app over TLS with a random password", wrong_password),
        ("no_password", "a login as the app over TLS without a password", no_password),
        ("foreign_ca", "a TLS handshake that trusts only another CA", foreign_ca),
        ("old_tls", "a TLS handshake that offers TLS 1.1 at most", old_tls),
        ("foreign_network", f"a login over TLS from {STRANGER}", foreign_network),
    )
    return [
        single(f"postgres.probes.{name}", read_from, partial(take, config, timeout))
        for name, read_from, take in takes
    ]


def login(config: Config, timeout: float) -> Probe:
    """The services' own way: their driver, their password, certificate and name verified."""
    timer = _Timer()
    try:
        with client.service(config, timeout=timeout) as connection:
            version = client.ask(connection, "select_one")[0][1]
            return timer.probe(True, "SELECT 1 answered", version)
    except Unreachable as error:
        answer = _answer(client.login(config), timeout)  # raises where the server is not reached
        if answer.kind == "in":
            return timer.probe(False, error.message)
        return timer.probe(False, answer.text, answer.tls_version)


def plaintext(config: Config, timeout: float) -> Probe:
    """Refused only by pg_hba.conf: a server that gets as far as the password does talk plaintext."""
    timer = _Timer()
    known = client.login(config)
    who = Knock(known.host, known.port, known.user, known.database, known.password)
    answer = knock(who, None, timeout)
    if answer.sqlstate == _NOT_AUTHORIZED:
        return timer.probe(False, answer.text)
    _must_be_about_us(answer)
    return timer.probe(True, f"spoke without TLS: {answer.text}")


def wrong_password(config: Config, timeout: float) -> Probe:
    """The server has to look at the password and find it wrong."""
    timer = _Timer()
    known = client.login(config)
    who = Knock(known.host, known.port, known.user, known.database, generate())
    answer = knock(who, trusting_anyone(), timeout)
    if answer.kind == "in":
        return timer.probe(True, "let in with a made-up password", answer.tls_version)
    if answer.sqlstate == _WRONG_PASSWORD:
        return timer.probe(False, answer.text, answer.tls_version)
    raise Unreachable(f"the server did not look at the password: {answer.text}")


def no_password(config: Config, timeout: float) -> Probe:
    """Asking for a password is a refusal to whoever has none."""
    timer = _Timer()
    known = client.login(config)
    answer = knock(
        Knock(known.host, known.port, known.user, known.database), trusting_anyone(), timeout
    )
    if answer.kind == "in":
        return timer.probe(True, "let in without a password", answer.tls_version)
    if answer.kind == "asks" or answer.sqlstate in (_NOT_AUTHORIZED, _WRONG_PASSWORD):
        return timer.probe(False, answer.text, answer.tls_version)
    raise Unreachable(f"the server did not ask for a password: {answer.text}")


def foreign_ca(config: Config, timeout: float) -> Probe:
    """Here the client refuses: what is proved is that its verification is no sham."""
    timer = _Timer()
    known = client.login(config)
    found = offer(known.host, known.port, trusting_stranger(), timeout, "postgres")
    if found.refused_by == "server":
        raise Unreachable(f"the server showed no certificate: {found.detail}")
    return timer.probe(found.accepted, found.detail, found.version)


def old_tls(config: Config, timeout: float) -> Probe:
    """Only the server's own alert about the version counts."""
    timer = _Timer()
    known = client.login(config)
    found = offer_tls11(known.host, known.port, timeout, "postgres")
    if not found.accepted and not found.detail.endswith("protocol_version"):
        raise Unreachable(f"refused, but not for the version: {found.detail}")
    return timer.probe(found.accepted, found.detail, found.version)


def foreign_network(config: Config, timeout: float) -> Probe:
    """From an address outside the configured networks pg_hba.conf has to say no."""
    timer = _Timer()
    known = client.login(config)
    if why := why_no_stranger(config):
        raise Unreachable(why)
    who = Knock(known.host, known.port, known.user, known.database, source=STRANGER)
    answer = knock(who, trusting_anyone(), timeout)
    if answer.sqlstate == _NOT_AUTHORIZED:
        return timer.probe(False, answer.text, answer.tls_version)
    _must_be_about_us(answer)
    return timer.probe(True, f"not refused for its address: {answer.text}", answer.tls_version)


class _Timer:
    def __init__(self) -> None:
        self._began = perf_counter()

    def probe(self, accepted: bool, detail: str, tls_version: str = "") -> Probe:
        spent = round((perf_counter() - self._began) * 1000, 2)
        return Probe(accepted, detail, tls_version, spent)


def _answer(known: Login, timeout: float) -> Answer:
    """Why the login failed: libpq's own message doesn't tell a refusal from a server that is gone."""
    who = Knock(known.host, known.port, known.user, known.database, known.password)
    try:
        return knock(who, _context(known), timeout)
    except ssl.SSLCertVerificationError as error:
        return Answer("refused", f"the client turned the certificate down: {error.verify_message}")


def _context(known: Login) -> ssl.SSLContext | None:
    if known.sslmode == "disable":
        return None
    if known.sslmode != "verify-full":
        return trusting_anyone()
    system = known.ca in ("", "system")
    return ssl.create_default_context() if system else trusting(Path(known.ca))


def _must_be_about_us(answer: Answer) -> None:
    """A server that is full, starting or has no TLS refuses everybody: that says nothing of us."""
    about_us = answer.kind in ("in", "asks") or answer.sqlstate == _WRONG_PASSWORD
    if not about_us:
        raise Unreachable(f"the server refused for another reason: {answer.text}")
