"""The internal certificate authority, and server certificates that it issues.

Every write is whole and ordered so that a crash at any point leaves what the next run completes:
a key is on the disk before the certificate that needs it, and servers read their pair through one
symbolic link that moves only when both are there.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rfdata import files
from rfdata.config.load import Config
from rfdata.errors import ChangeFailed
from rfdata.files import Owner
from rfdata.model.facts import Server
from rfdata.secrets import Secret

if TYPE_CHECKING:  # cryptography takes 15 MB: only those who issue or parse pay for it
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

CA_KEY = "ca.key"
CA_CERTIFICATE = "ca.crt"
CURRENT = "current"
"""The link in a server's TLS folder to the pair that it serves."""
CA_DAYS = 3650
CERTIFICATE_DAYS = 825
_CLOCK_SKEW = timedelta(minutes=5)
_GENERATION = re.compile(r"\d{8}T\d{12}Z")
_HOSTS = Path("/etc/hosts")
_DNS_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")


def issue_authority(folder: Path, days: int, name: str, renew_before_days: int = 30) -> None:
    """Make the CA: `ca.key` (0600), then `ca.crt` (0644). What is there and good stays.

    A key that is there is kept: a CA certificate that is missing or has fewer than
    `renew_before_days` left is signed anew with it, under its old name, so that every server
    certificate stays valid. Raises ChangeFailed where key and certificate don't belong together.
    """
    key_path, certificate_path = folder / CA_KEY, folder / CA_CERTIFICATE
    old = _load_certificate(certificate_path) if certificate_path.exists() else None
    if not key_path.exists():
        if old is not None:
            raise ChangeFailed(
                f"{certificate_path} is there, but its key {key_path} is not",
                hint="bring the key back; or move the certificate away for a new CA, "
                "which every client then has to be given",
            )
        files.write(key_path, _private_text(_new_key()), mode=0o600)
    key = _load_key(key_path)
    if old is not None:
        _require_pair(key, old, key_path, certificate_path)
        if old.not_valid_after_utc - _now() > timedelta(days=renew_before_days):
            return
    subject = old.subject if old is not None else _name(name)
    certificate = _sign_authority(key, subject, min(days, CA_DAYS))
    files.write(certificate_path, _text(certificate), mode=0o644)


def issue_certificate(
    ca_folder: Path,
    tls_folder: Path,
    names: Sequence[str],
    days: int,
    owner: Owner,
    certificate_name: str = "server.crt",
    key_name: str = "server.key",
) -> Path:
    """Issue a server's key, certificate and copy of the CA's, and let `tls_folder/current` name them.

    They go into a new folder; the link moves last and at once, so a server never sees a pair that
    doesn't match. Of the older folders the one before stays, the rest are removed. Returns the
    new folder. Raises ChangeFailed when the CA can't sign.
    """
    ca_key, ca = load_authority(ca_folder)
    key = _new_key()
    certificate = _sign_server(key, names, min(days, CERTIFICATE_DAYS), ca_key, ca)
    before = current(tls_folder)
    generation = tls_folder / _now().strftime("%Y%m%dT%H%M%S%fZ")
    files.make_directory(generation, mode=0o700, owner=owner)
    files.write(generation / key_name, _private_text(key), mode=0o600, owner=owner)
    files.write(generation / certificate_name, _text(certificate), mode=0o644, owner=owner)
    files.write(generation / CA_CERTIFICATE, _text(ca), mode=0o644, owner=owner)
    files.point(tls_folder / CURRENT, Path(generation.name))
    _prune(tls_folder, keep={generation.name, before.name if before is not None else ""})
    return generation


def load_authority(folder: Path) -> tuple[EllipticCurvePrivateKey, x509.Certificate]:
    """The CA's key and certificate. Raises ChangeFailed when they are missing or don't match."""
    key_path, certificate_path = folder / CA_KEY, folder / CA_CERTIFICATE
    key, certificate = _load_key(key_path), _load_certificate(certificate_path)
    _require_pair(key, certificate, key_path, certificate_path)
    return key, certificate


def current(tls_folder: Path) -> Path | None:
    """The folder that a server's link names, if it has one."""
    try:
        return tls_folder / (tls_folder / CURRENT).readlink()
    except OSError:
        return None


def default_names(config: Config, server: Server) -> tuple[str, ...]:
    """The names that clients may use for a server: loopback, this host, the configured ones.

    This host's own names come from the kernel and /etc/hosts, not from DNS: an answer that
    changes by the minute would make every plan ask for new certificates.
    """
    settings = config.settings
    hosts = {
        "postgres": settings.postgres.host,
        "redis": settings.redis.host,
        "redis-durable": settings.redis_durable.host,
    }
    wanted = (
        *("localhost", "127.0.0.1", "::1"),
        *_own_names(),
        *(hosts[server], server),
        *settings.tls.names,
    )
    return tuple(dict.fromkeys(canonical_name(name) for name in wanted))


def canonical_name(name: str) -> str:
    """A name as it stands in a certificate.

    >>> canonical_name("DB.Example.org"), canonical_name("0:0::1")
    ('db.example.org', '::1')
    """
    address = _address(name)
    return str(address) if address is not None else name.lower()


def stranger() -> str:
    """The certificate of a CA that nobody here knows, PEM; its key is forgotten at once."""
    return _text(_sign_authority(_new_key(), _name("stranger"), 1))


def _own_names() -> tuple[str, ...]:
    host = os.uname().nodename
    names = [host]
    for line in _lines(_HOSTS):
        known = line.partition("#")[0].split()[1:]
        if host in known and "." in known[0]:
            names.append(known[0])
    return tuple(name for name in names if _DNS_NAME.fullmatch(name))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _prune(folder: Path, keep: Iterable[str]) -> None:
    kept = set(keep)
    for child in folder.iterdir():
        if _GENERATION.fullmatch(child.name) and child.name not in kept:
            files.remove(child)


def _sign_authority(
    key: EllipticCurvePrivateKey, subject: x509.Name, days: int
) -> x509.Certificate:
    from cryptography import x509

    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        _builder(subject, subject, key, _now() + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
    )
    return _signed(builder, key)


def _sign_server(
    key: EllipticCurvePrivateKey,
    names: Sequence[str],
    days: int,
    ca_key: EllipticCurvePrivateKey,
    ca: x509.Certificate,
) -> x509.Certificate:
    """A certificate for these names; it never outlives its CA."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    canonical = tuple(dict.fromkeys(canonical_name(name) for name in names))
    until = min(_now() + timedelta(days=days), ca.not_valid_after_utc)
    builder = (
        _builder(_name(canonical[0]), ca.subject, key, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .add_extension(x509.SubjectAlternativeName(map(_general_name, canonical)), critical=False)
    )
    return _signed(builder, ca_key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, until: datetime
) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - _CLOCK_SKEW)
        .not_valid_after(until - _CLOCK_SKEW)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _signed(builder: x509.CertificateBuilder, key: EllipticCurvePrivateKey) -> x509.Certificate:
    from cryptography.hazmat.primitives.hashes import SHA256

    return builder.sign(key, SHA256())


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    """A distinguished name; X.520 allows a common name of 64 characters."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    address = _address(name)
    return x509.IPAddress(address) if address is not None else x509.DNSName(name)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _load_key(path: Path) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ChangeFailed(
            f"{path}: not readable as a private key ({type(error).__name__})",
            hint="bring it back from a backup; or move ca.key and ca.crt away for a new CA, "
            "which every client then has to be given",
        ) from error
    if not isinstance(key, EllipticCurvePrivateKey):
        raise ChangeFailed(f"{path}: not an ECDSA key", hint="move ca.key and ca.crt away")
    return key


def _load_certificate(path: Path) -> x509.Certificate:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ChangeFailed(
            f"{path}: not readable as a certificate ({type(error).__name__})",
            hint=f"move {path.name} away: `rfdata up` makes it again from its key",
        ) from error


def _require_pair(
    key: EllipticCurvePrivateKey, certificate: x509.Certificate, key_path: Path, path: Path
) -> None:
    if certificate.public_key() != key.public_key():
        raise ChangeFailed(
            f"{path} does not belong to {key_path}",
            hint="bring the matching two back, or move both away for a new CA",
        )


def _private_text(key: EllipticCurvePrivateKey) -> Secret:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Secret(plain.decode())


def _text(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()


def _now() -> datetime:
    return datetime.now(UTC)
