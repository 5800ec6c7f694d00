"""What goes into a certificate. Pure but for random keys and serial numbers; nothing touches the disk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rfdata.secrets import Secret
from rfdata.tls.names import address, canonical_name

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

CA_DAYS = 3650
CERTIFICATE_DAYS = 825
"""No certificate lives longer, whatever is asked for."""
_CLOCK_SKEW = timedelta(minutes=5)
"""How far a client's clock may be behind ours."""


def sign_authority(key: EllipticCurvePrivateKey, subject: x509.Name, days: int) -> x509.Certificate:
    from cryptography import x509

    builder = (
        _builder(subject, subject, key, datetime.now(UTC) + timedelta(days=min(days, CA_DAYS)))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
    )
    return _signed(builder, key)


def sign_server(
    key: EllipticCurvePrivateKey,
    names: Sequence[str],
    days: int,
    ca_key: EllipticCurvePrivateKey,
    ca: x509.Certificate,
) -> x509.Certificate:
    """A certificate for these names; it never outlives its CA."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    canonical = tuple(dict.fromkeys(canonical_name(name) for name in names))
    until = min(
        datetime.now(UTC) + timedelta(days=min(days, CERTIFICATE_DAYS)), ca.not_valid_after_utc
    )
    builder = (
        _builder(name_of(canonical[0]), ca.subject, key, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
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
        .not_valid_before(datetime.now(UTC) - _CLOCK_SKEW)
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


def name_of(common_name: str) -> x509.Name:
    """A distinguished name; X.520 allows a common name of 64 characters."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    found = address(name)
    return x509.IPAddress(found) if found is not None else x509.DNSName(name)


def new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def key_text(key: EllipticCurvePrivateKey) -> Secret:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Secret(plain.decode())


def text(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()
