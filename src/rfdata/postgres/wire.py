"""The first messages of PostgreSQL's protocol, spoken by hand: who is refused, by whom, and why.

libpq hides the SQLSTATE of a refused connection, can't choose its own address, and would send a
password to a server that asks for it in the clear. Only the standard library is imported here.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rfdata.errors import Unreachable
from rfdata.postgres.frames import framed, message, start_up
from rfdata.postgres.scram import Exchange
from rfdata.secrets import Secret

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_LONGEST = 1 << 20
"""Bytes; no answer to a start-up message comes near it."""

_OK, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 10, 11, 12
_ASKS_FOR = {3: "a password in the clear", 5: "an md5 password", 7: "GSSAPI", 9: "SSPI"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to somebody who wants to come in."""

    kind: str
    """in: let in; asks: wants a password that we don't give; refused: an error; plain: has no TLS."""
    text: str
    sqlstate: str = ""
    tls_version: str = ""


@dataclass(frozen=True, slots=True)
class Knock:
    """Somebody at the door."""

    host: str
    port: int
    user: str
    database: str
    password: Secret | None = None
    """None: none is given, however the server asks."""
    source: str | None = None
    """The address to come from."""


def knock(who: Knock, context: ssl.SSLContext | None, timeout: float) -> Answer:
    """Connect, ask to be let in, and tell the answer. Without `context`, without TLS.

    Raises Unreachable where nobody answers, and SSLCertVerificationError where our side turns the
    server's certificate down.
    """
    source = (who.source, 0) if who.source else None
    try:
        with socket.create_connection((who.host, who.port), timeout, source) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with _secured(plain, context, who.host) as stream:
                if stream is None:
                    return Answer("plain", "the server has no TLS")
                version = stream.version() if isinstance(stream, ssl.SSLSocket) else None
                answer = _greet(stream, who)
                return Answer(answer.kind, answer.text, answer.sqlstate, version or "")
    except ssl.SSLCertVerificationError:
        raise
    except TimeoutError as error:
        raise Unreachable(f"{who.host}:{who.port}: no answer within {timeout:g} s") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unreachable(f"{who.host}:{who.port}: {reason}") from error
    except (ValueError, struct.error, IndexError) as error:
        raise Unreachable(f"{who.host}:{who.port}: what answers is no PostgreSQL") from error


@contextmanager
def _secured(
    plain: socket.socket, context: ssl.SSLContext | None, host: str
) -> Iterator[socket.socket | None]:
    """The stream to talk over; None where the server has no TLS to offer."""
    if context is None:
        yield plain
        return
    plain.sendall(_SSL_REQUEST)
    answer = plain.recv(1)
    if answer == b"N":
        yield None
        return
    if answer != b"S":
        raise ValueError("neither S nor N")
    with context.wrap_socket(plain, server_hostname=host) as secure:
        yield secure


def _greet(stream: socket.socket, who: Knock) -> Answer:
    names = {"user": who.user, "database": who.database, "application_name": "rfdata"}
    stream.sendall(start_up(names))
    exchange = Exchange(who.password) if who.password is not None else None
    while True:
        kind, content = message(stream, _LONGEST)
        if kind == b"E":
            return _refusal(content)
        if kind != b"R":
            raise ValueError("no answer to a start-up message")
        code = struct.unpack_from("!i", content)[0]
        if code == _OK:
            stream.sendall(framed(b"X", b""))
            return Answer("in", "let in")
        if code == _SASL and exchange is not None and b"SCRAM-SHA-256\0" in content:
            first = exchange.first()
            mechanism = b"SCRAM-SHA-256\0" + struct.pack("!i", len(first))
            stream.sendall(framed(b"p", mechanism + first))
        elif code == _SASL_CONTINUE and exchange is not None:
            stream.sendall(framed(b"p", exchange.final(content[4:])))
        elif code == _SASL_FINAL and exchange is not None:
            if not exchange.proves_server(content[4:]):
                raise ValueError("the server doesn't know the verifier")
        else:
            return Answer("asks", f"the server asks for {_ASKS_FOR.get(code, 'a password')}")


def _refusal(content: bytes) -> Answer:
    fields = {part[:1]: part[1:].decode(errors="replace") for part in content.split(b"\0") if part}
    sqlstate, text = fields.get(b"C", ""), fields.get(b"M", "no reason given")
    return Answer("refused", f"{text} (SQLSTATE {sqlstate})", sqlstate)
