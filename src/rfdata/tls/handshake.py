"""Talking TLS to a live server just far enough to learn what it presents and what it refuses.

Only `ssl` and `socket` are imported here: probes must be quick and small.
"""

from __future__ import annotations

import secrets
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from time import perf_counter
from typing import Literal

from rfdata.errors import Unreachable

StartTls = Literal["postgres"] | None
"""How a plain connection becomes TLS: at once (None), or after PostgreSQL's SSLRequest."""

_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_TLS_1_1 = b"\x03\x02"
_RECORD_HANDSHAKE = 22
_RECORD_ALERT = 21
_SERVER_HELLO = 2
_ALERTS = {
    40: "handshake_failure",
    47: "illegal_parameter",
    50: "decode_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
}
_VERSIONS = {b"\x03\x01": "TLSv1", b"\x03\x02": "TLSv1.1", b"\x03\x03": "TLSv1.2"}
_OLD_CIPHERS = (0xC009, 0xC00A, 0xC013, 0xC014, 0x002F, 0x0035, 0x0033, 0x0039, 0x000A, 0x00FF)
"""Every TLS 1.1 suite that a server is likely to have, for ECDSA and RSA keys, and the SCSV."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """How one attempt to agree on TLS ended, with a server that did answer."""

    refused_by: Literal["nobody", "server", "client"]
    """server: it sent an alert or said no; client: our side turned its certificate down."""
    version: str
    """For example "TLSv1.3"; empty when refused."""
    detail: str
    """One line: what was agreed, or who refused and why."""
    milliseconds: float

    @property
    def accepted(self) -> bool:
        return self.refused_by == "nobody"


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """A client that trusts this CA only (None: those of the system) and checks the server's name.

    Raises Unreachable when the CA can't be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_file is None:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Unreachable(
            f"{ca_file}: not readable as a CA certificate: {_reason(error)}",
            hint="`rfdata up` makes it; for someone else's servers set TLS_CA_FILE in .env",
        ) from error
    return context


def trusting_stranger() -> ssl.SSLContext:
    """A client that trusts only a CA whose key was thrown away when it was made."""
    stranger = resources.files("rfdata.tls").joinpath("stranger.pem").read_text(encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=stranger)
    return context


def trusting_anyone() -> ssl.SSLContext:
    """A client that verifies nothing: only to look at a certificate, never to send a secret."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def peer_certificate(host: str, port: int, timeout: float, starttls: StartTls = None) -> bytes:
    """The certificate that a live server presents, DER, unverified. Raises Unreachable."""
    with connected(host, port, timeout) as plain:
        answer = _start(plain, starttls)
        if answer:
            raise Unreachable(f"{_place(host, port)}: {answer}")
        with trusting_anyone().wrap_socket(plain, server_hostname=host) as secure:
            certificate = secure.getpeercert(binary_form=True)
    if certificate is None:
        raise Unreachable(f"{_place(host, port)}: the server presented no certificate")
    return certificate


def offer(
    host: str, port: int, context: ssl.SSLContext, timeout: float, starttls: StartTls = None
) -> Handshake:
    """Try a handshake with this context, say nothing more, and tell who refused it if any.

    Raises Unreachable when nothing answers, when the connection breaks without an alert, and
    when our own library can't do it: none of that is a refusal.
    """
    began = perf_counter()
    with connected(host, port, timeout) as plain:
        answer = _start(plain, starttls)
        if answer:
            return Handshake("server", "", answer, _since(began))
        try:
            with context.wrap_socket(plain, server_hostname=host) as secure:
                version, cipher = secure.version() or "", (secure.cipher() or ("",))[0]
        except ssl.SSLCertVerificationError as error:
            detail = f"the client turned the certificate down: {error.verify_message}"
            return Handshake("client", "", detail, _since(began))
        except ssl.SSLError as error:
            if "ALERT" not in (error.reason or ""):
                raise  # our own library's trouble: nobody refused anything
            return Handshake("server", "", f"the server's alert: {_reason(error)}", _since(began))
    return Handshake("nobody", version, f"{version} with {cipher}", _since(began))


def offer_tls11(host: str, port: int, timeout: float, starttls: StartTls = None) -> Handshake:
    """Offer TLS 1.1 at most, and report what the server says to that.

    The ClientHello is written by hand: OpenSSL 3 refuses to send one on most systems, and its own
    refusal would look like the server's. The server's first record decides: an alert is a
    refusal, a ServerHello is consent. Raises Unreachable when neither comes.
    """
    began = perf_counter()
    with connected(host, port, timeout) as plain:
        answer = _start(plain, starttls)
        if answer:
            return Handshake("server", "", answer, _since(began))
        plain.sendall(_client_hello())
        kind, body = _record(plain)
    if kind == _RECORD_ALERT and len(body) == 2:
        name = _ALERTS.get(body[1], f"number {body[1]}")
        return Handshake("server", "", f"the server's alert: {name}", _since(began))
    if kind == _RECORD_HANDSHAKE and len(body) >= 6 and body[0] == _SERVER_HELLO:
        version = _VERSIONS.get(body[4:6], body[4:6].hex())
        return Handshake("nobody", version, f"the server agreed to {version}", _since(began))
    raise Unreachable(f"{_place(host, port)}: what answers there does not speak TLS")


@contextmanager
def connected(host: str, port: int, timeout: float) -> Iterator[socket.socket]:
    """A plain TCP connection; every way in which it can break inside is told as Unreachable."""
    try:
        with socket.create_connection((host, port), timeout) as plain:
            yield plain
    except TimeoutError as error:
        raise Unreachable(f"{_place(host, port)}: no answer within {timeout:g} s") from error
    except OSError as error:  # SSLError is one too
        raise Unreachable(f"{_place(host, port)}: {_reason(error)}") from error


def _start(plain: socket.socket, starttls: StartTls) -> str:
    """Bring the connection to where TLS begins; returns the server's refusal, or nothing."""
    if starttls is None:
        return ""
    plain.sendall(_SSL_REQUEST)
    answer = plain.recv(1)
    if answer == b"S":
        return ""
    if answer == b"N":
        return "the server answered N: it has no TLS"
    if answer:
        raise ConnectionError("what answers there is not a PostgreSQL that is ready to talk")
    raise ConnectionError("the server closed the connection")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLEOFError):
        return "the server closed the connection"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _since(began: float) -> float:
    return round((perf_counter() - began) * 1000, 2)


def _record(plain: socket.socket) -> tuple[int, bytes]:
    """The first TLS record that the server sends."""
    kind, _, length = struct.unpack("!BHH", _exactly(plain, 5))
    return kind, _exactly(plain, length)


def _exactly(plain: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = plain.recv(size - len(found))
        if not part:
            raise ConnectionError("the server closed the connection without a TLS alert")
        found += part
    return found


def _client_hello() -> bytes:
    """A TLS 1.1 ClientHello (RFC 4346, 7.4.1.2; curves and point formats after RFC 4492)."""
    ciphers = b"".join(struct.pack("!H", cipher) for cipher in _OLD_CIPHERS)
    groups = struct.pack("!HHHHH", 10, 6, 4, 0x001D, 0x0017)
    points = struct.pack("!HHBB", 11, 2, 1, 0)
    extensions = groups + points
    hello = b"".join(
        (
            _TLS_1_1,
            secrets.token_bytes(32),
            b"\x00",
            struct.pack("!H", len(ciphers)) + ciphers,
            b"\x01\x00",
            struct.pack("!H", len(extensions)) + extensions,
        )
    )
    message = b"\x01" + len(hello).to_bytes(3, "big") + hello
    return bytes((_RECORD_HANDSHAKE,)) + b"\x03\x01" + struct.pack("!H", len(message)) + message
