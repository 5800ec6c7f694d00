"""The internal certificate authority, and server certificates that it issues.

Every write is whole and ordered so that a crash at any point leaves what the next run completes:
a key is on the disk before the certificate that needs it, and servers read their pair through one
symbolic link that moves only when both are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rfdata import files
from rfdata.errors import ChangeFailed
from rfdata.files import Owner
from rfdata.tls.signing import key_text, name_of, new_key, sign_authority, sign_server, text

if TYPE_CHECKING:  # 8 MB that only those pay for who issue or parse
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

CA_KEY = "ca.key"
CA_CERTIFICATE = "ca.crt"
CURRENT = "current"
"""The link in a server's TLS folder to the pair that it serves."""
_GENERATION = re.compile(r"\d{8}T\d{12}Z")


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
        files.write(key_path, key_text(new_key()), mode=0o600)
    key = _load_key(key_path)
    if old is not None:
        _require_pair(key, old, key_path, certificate_path)
        if old.not_valid_after_utc - _now() > timedelta(days=renew_before_days):
            return
    subject = old.subject if old is not None else name_of(name)
    certificate = sign_authority(key, subject, days)
    files.write(certificate_path, text(certificate), mode=0o644)


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
    key = new_key()
    certificate = sign_server(key, names, days, ca_key, ca)
    before = current(tls_folder)
    generation = tls_folder / _now().strftime("%Y%m%dT%H%M%S%fZ")
    files.make_directory(generation, mode=0o700, owner=owner)
    files.write(generation / key_name, key_text(key), mode=0o600, owner=owner)
    files.write(generation / certificate_name, text(certificate), mode=0o644, owner=owner)
    files.write(generation / CA_CERTIFICATE, text(ca), mode=0o644, owner=owner)
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


def _prune(folder: Path, keep: Iterable[str]) -> None:
    kept = set(keep)
    for child in folder.iterdir():
        if _GENERATION.fullmatch(child.name) and child.name not in kept:
            files.remove(child)


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


def _now() -> datetime:
    return datetime.now(UTC)
