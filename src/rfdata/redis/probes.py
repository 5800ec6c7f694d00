"""Trying the ways into Redis: one must work, the others must be refused by the server itself.

Plain sockets and `ssl`, no library: a probe sees exactly what the server answers, and is quick.
Every function returns a Probe when the server answered, and raises Unreachable when it didn't.
"""

from __future__ import annotations

import secrets
import socket
import ssl
from dataclasses import replace
from time import perf_counter

from rfdata.errors import Unreachable
from rfdata.model.facts import Probe
from rfdata.redis.client import Login
from rfdata.secrets import Secret
from rfdata.tls.handshake import (
    Handshake,
    connected,
    offer,
    offer_tls11,
    trusting,
    trusting_anyone,
    trusting_stranger,
)

_LINE_LIMIT = 512
_REFUSED_LOGIN = ("-WRONGPASS", "-ERR invalid password", "-ERR invalid username-password")
_NO_PASSWORD_SET = ("-ERR AUTH <password> called without", "-ERR Client sent AUTH, but no password")
_TLS_ALERT = b"\x15\x03"


def login(login: Login, timeout: float) -> Probe:
    """The services' own way in: verified TLS, the app user's password, PING."""
    began = perf_counter()
    context = trusting(login.ca_file) if login.tls else None
    commands = [_auth(login)] if login.password is not None else []
    try:
        version, answers = _talk(login, context, timeout, *commands, ("PING",))
    except _CertificateTurnedDown as error:
        return Probe(False, str(error), "", _since(began))
    if answers[-1] == "+PONG":
        return Probe(True, "AUTH was accepted, PING answered PONG", version, _since(began))
    _require_settled(login, answers[0])
    return Probe(False, _told(answers[0]), version, _since(began))


def plaintext(login: Login, timeout: float) -> Probe:
    """PING without TLS. Any answer in plain text, NOAUTH too, means that passwords may cross in it.

    A server that only hangs up has refused if it does speak TLS on that port.
    """
    began = perf_counter()
    with connected(login.host, login.port, timeout) as plain:
        try:
            plain.sendall(_packed("PING"))
            answer = plain.recv(_LINE_LIMIT)
        except (ConnectionResetError, BrokenPipeError):
            answer = b""
    took = _since(began)
    if answer[:1] in (b"+", b"-"):
        text = _told(answer.decode(errors="replace").splitlines()[0])
        return Probe(True, f"in plain text: {text}", "", took)
    if answer and not answer.startswith(_TLS_ALERT):
        raise Unreachable(f"{login.where}: what answers there is not Redis")
    seen = offer(login.host, login.port, trusting_anyone(), timeout)
    if not seen.accepted:
        raise Unreachable(f"{login.where}: speaks neither plain text nor TLS: {seen.detail}")
    how = "a TLS alert" if answer else "the connection closed"
    return Probe(
        False, f"PING in plain text: {how}; {seen.version} on the same port works", "", took
    )


def wrong_password(login: Login, timeout: float) -> Probe:
    """The app user with a password made up this moment."""
    began = perf_counter()
    made_up = replace(login, password=Secret(secrets.token_urlsafe(32)))
    version, (answer,) = _talk(login, _reading(login), timeout, _auth(made_up))
    accepted = answer == "+OK" or answer.startswith(_NO_PASSWORD_SET)
    if not accepted and not answer.startswith(_REFUSED_LOGIN):
        raise Unreachable(f"{login.where}: {_told(answer)}")
    return Probe(accepted, _told(answer), version, _since(began))


def no_password(login: Login, timeout: float) -> Probe:
    """PING without logging in."""
    began = perf_counter()
    version, (answer,) = _talk(login, _reading(login), timeout, ("PING",))
    accepted = answer == "+PONG"
    if not accepted and not answer.startswith("-NOAUTH"):
        raise Unreachable(f"{login.where}: {_told(answer)}")
    return Probe(accepted, _told(answer), version, _since(began))


def foreign_ca(login: Login, timeout: float) -> Probe:
    """A client that trusts only a CA made this moment has to turn the server down."""
    seen = offer(login.host, login.port, trusting_stranger(), timeout)
    if seen.refused_by == "server":
        raise Unreachable(f"{login.where}: {seen.detail}")
    return _probe(seen)


def old_tls(login: Login, timeout: float) -> Probe:
    """A client that offers TLS 1.1 at most; only the server's own alert is a refusal."""
    return _probe(offer_tls11(login.host, login.port, timeout))


class _CertificateTurnedDown(Exception):
    """Our side doesn't trust what the server presents."""


def _talk(
    login: Login, context: ssl.SSLContext | None, timeout: float, *commands: tuple[str, ...]
) -> tuple[str, list[str]]:
    """Send the commands at once; returns the TLS version and the first line of each answer."""
    with connected(login.host, login.port, timeout) as plain:
        if context is None:
            return "", _exchange(plain, commands)
        try:
            with context.wrap_socket(plain, server_hostname=login.host) as secure:
                return secure.version() or "", _exchange(secure, commands)
        except ssl.SSLCertVerificationError as error:
            raise _CertificateTurnedDown(
                f"the client turned the certificate down: {error.verify_message}"
            ) from error


def _exchange(line: socket.socket, commands: tuple[tuple[str, ...], ...]) -> list[str]:
    line.sendall(b"".join(_packed(*words) for words in commands))
    found = b""
    while found.count(b"\r\n") < len(commands):
        part = line.recv(_LINE_LIMIT)
        if not part:
            raise ConnectionError("the server closed the connection without an answer")
        found += part
    return found.decode(errors="replace").split("\r\n")[: len(commands)]


def _packed(*words: str) -> bytes:
    """A command in Redis's protocol: an array of strings with their lengths in bytes."""
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


def _auth(login: Login) -> tuple[str, ...]:
    secret = login.password.reveal() if login.password is not None else ""
    return ("AUTH", login.user, secret) if login.user else ("AUTH", secret)


def _reading(login: Login) -> ssl.SSLContext | None:
    """For probes whose answer doesn't depend on whom we trust, and that send no real secret."""
    return trusting_anyone() if login.tls else None


def _require_settled(login: Login, answer: str) -> None:
    """A server that still loads its data has neither accepted nor refused."""
    if answer.startswith(("-LOADING", "-MASTERDOWN", "-ERR max number of clients")):
        raise Unreachable(f"{login.where}: {_told(answer)}")


def _told(answer: str) -> str:
    return f"the server answered {answer.lstrip('+-')}"


def _probe(seen: Handshake) -> Probe:
    return Probe(seen.accepted, seen.detail, seen.version, seen.milliseconds)


def _since(began: float) -> float:
    return round((perf_counter() - began) * 1000, 2)
