"""Reading certificates: what they say, who signed them, how long they last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rfdata.errors import Unreachable
from rfdata.model.facts import Certificate, Server
from rfdata.tls.authority import CURRENT
from rfdata.tls.handshake import StartTls, peer_certificate

if TYPE_CHECKING:
    from cryptography import x509

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_PEM = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Served:
    """A server whose certificate is looked at, on the disk and live."""

    server: Server
    host: str
    port: int
    tls_folder: Path
    certificate_name: str = "server.crt"


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """One row of `rfdata certs show`."""

    name: str
    """"ca" or a server's name."""
    on_disk: Certificate | None
    live: Certificate | None
    """What the server presents now; None for the CA, and where nothing answers."""
    days_left: int | None
    """Of the one that counts: live where there is one, else on the disk."""
    note: str
    """What a reader should also know: not there, not reachable, not the one on the disk."""


def parse(data: bytes, ca: bytes | None = None) -> Certificate:
    """A certificate, PEM or DER, and whether `ca` (PEM or DER) signed it. Raises Unreachable."""
    certificate = _load(data)
    public_key = certificate.public_key()
    return Certificate(
        subject=certificate.subject.rfc4514_string(),
        names=_names(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=_describe(public_key),
        self_signed=_signed_by(certificate, certificate),
        issued_by_ca=ca is not None and _signed_by(certificate, _load(ca)),
        fingerprint=_fingerprint(certificate),
    )


def read(path: Path, ca_path: Path | None = None) -> Certificate:
    """The certificate in a file, held against the CA in another. Raises Unreachable."""
    ca = _bytes(ca_path) if ca_path is not None else None
    return parse(_bytes(path), ca)


def live(
    host: str, port: int, timeout: float, ca_path: Path | None = None, starttls: StartTls = None
) -> Certificate:
    """The certificate that a server presents, held against our CA. Raises Unreachable."""
    ca = _bytes(ca_path) if ca_path is not None else None
    return parse(peer_certificate(host, port, timeout, starttls), ca)


def days_left(certificate: Certificate, at: datetime) -> int:
    """Whole days until it ends; negative once it has.

    >>> from datetime import timedelta
    >>> end = datetime(2030, 1, 10, tzinfo=UTC)
    >>> one = Certificate("CN=x", frozenset(), end, end, "", False, True, "")
    >>> days_left(one, end - timedelta(days=2, hours=5)), days_left(one, end + timedelta(hours=1))
    (2, -1)
    """
    return (certificate.not_after - at).days


def valid(certificate: Certificate, at: datetime) -> bool:
    """Whether it counts at that moment."""
    return certificate.not_before <= at < certificate.not_after


def covers(certificate: Certificate, names: tuple[str, ...]) -> bool:
    """Whether it names at least all of these."""
    return certificate.names >= frozenset(names)


def status(
    ca_path: Path, served: tuple[Served, ...], timeout: float
) -> tuple[CertificateStatus, ...]:
    """The CA and every server's certificate, with days left, for `rfdata certs show`."""
    now = datetime.now(UTC)
    ca, trouble = _try(lambda: read(ca_path, ca_path))
    left = days_left(ca, now) if ca is not None else None
    rows = [CertificateStatus("ca", ca, None, left, trouble)]
    return (*rows, *(_server_status(each, ca_path, timeout, now) for each in served))


def _server_status(
    served: Served, ca_path: Path, timeout: float, now: datetime
) -> CertificateStatus:
    starttls: StartTls = "postgres" if served.server == "postgres" else None
    path = served.tls_folder / CURRENT / served.certificate_name
    on_disk, missing = _try(lambda: read(path, ca_path))
    presented, silent = _try(lambda: live(served.host, served.port, timeout, ca_path, starttls))
    counts = presented or on_disk
    note = missing or silent
    if on_disk and presented and on_disk.fingerprint != presented.fingerprint:
        note = "the server still presents another certificate than the one on the disk: reload it"
    left = days_left(counts, now) if counts is not None else None
    return CertificateStatus(served.server, on_disk, presented, left, note)


def _try(take: Callable[[], Certificate]) -> tuple[Certificate | None, str]:
    try:
        return take(), ""
    except Unreachable as error:
        return None, error.message


def _load(data: bytes) -> x509.Certificate:
    from cryptography import x509

    try:
        if _PEM in data:
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(data)
    except ValueError as error:
        raise Unreachable("not a certificate", hint="PEM or DER is expected") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreachable(f"{path}: {error.strerror or type(error).__name__}") from error


def _names(certificate: x509.Certificate) -> frozenset[str]:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    names = found.get_values_for_type(x509.DNSName)
    addresses = found.get_values_for_type(x509.IPAddress)
    return frozenset((*names, *map(str, addresses)))


def _describe(key: object) -> str:
    """For example "ECDSA P-256", "RSA 2048", "Ed25519"."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {_CURVES.get(key.curve.name, key.curve.name)}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return type(key).__name__.removesuffix("PublicKey").lstrip("_")


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _fingerprint(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.hashes import SHA256

    return certificate.fingerprint(SHA256()).hex()
