"""Reading certificates, from files and from servers."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.tls.conftest import NAMES, Place, server_context, serving

from rfdata.errors import Unreachable
from rfdata.files import Owner
from rfdata.tls import authority, certificates
from rfdata.tls.certificates import Served


def test_pem_and_der_read_the_same(place: Place) -> None:
    pem = (place.current / "server.crt").read_bytes()
    der = ssl.PEM_cert_to_DER_cert(pem.decode())
    ca = place.ca_file.read_bytes()
    found = certificates.parse(pem, ca)
    assert found == certificates.parse(der, ssl.PEM_cert_to_DER_cert(ca.decode()))
    assert found.names == set(NAMES)
    assert found.key == "ECDSA P-256"
    assert (found.self_signed, found.issued_by_ca) == (False, True)
    assert found.subject == "CN=localhost"
    assert len(found.fingerprint) == 64


def test_the_authority_signed_itself(place: Place) -> None:
    ca = certificates.read(place.ca_file, place.ca_file)
    assert (ca.self_signed, ca.issued_by_ca, ca.names) == (True, True, frozenset())


def test_another_authority_of_the_same_name_did_not_sign_it(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    authority.issue_authority(other, 100, "tests", 1)
    found = certificates.read(place.current / "server.crt", other / "ca.crt")
    assert not found.issued_by_ca


def test_without_a_ca_nothing_is_issued_by_it(place: Place) -> None:
    assert not certificates.read(place.current / "server.crt").issued_by_ca


def test_days_are_counted_whole(place: Place) -> None:
    found = certificates.read(place.current / "server.crt")
    now = datetime.now(UTC)
    assert certificates.days_left(found, now) == 9
    assert certificates.days_left(found, now + timedelta(days=10)) == -1
    assert certificates.valid(found, now)
    assert not certificates.valid(found, now + timedelta(days=10))
    assert not certificates.valid(found, now - timedelta(days=1))


def test_names_are_held_against_what_is_wanted(place: Place) -> None:
    found = certificates.read(place.current / "server.crt")
    assert certificates.covers(found, ("localhost", "::1"))
    assert not certificates.covers(found, ("localhost", "db"))


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN CERTIFICATE-----\nxx\n", b"\x30\x82nonsense"]
)
def test_what_is_no_certificate_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.crt").write_bytes(content)
    with pytest.raises(Unreachable):
        certificates.read(tmp_path / "x.crt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"x\.crt: No such file"):
        certificates.read(tmp_path / "x.crt")


def test_status_tells_what_is_served_and_what_is_not(place: Place) -> None:
    with serving(server_context(place)) as port:
        ca, redis = _status(place, port)
        assert (ca.name, ca.days_left, ca.note) == ("ca", 99, "")
        assert redis.live == redis.on_disk
        assert (redis.days_left, redis.note) == (9, "")
        authority.issue_certificate(place.ca, place.tls, NAMES, 20, Owner())
        _, redis = _status(place, port)
        assert redis.days_left == 9
        assert "reload" in redis.note
    _, redis = _status(place, port)
    assert redis.live is None
    assert redis.days_left == 19
    assert "refused" in redis.note


def test_status_without_anything_says_so(tmp_path: Path) -> None:
    ca, redis = _status(Place(tmp_path, tmp_path), 1)
    assert (ca.on_disk, redis.on_disk, ca.days_left, redis.days_left) == (None, None, None, None)
    assert "No such file" in ca.note
    assert "No such file" in redis.note


def _status(place: Place, port: int) -> tuple[certificates.CertificateStatus, ...]:
    return certificates.status(place.ca_file, (Served("redis", "127.0.0.1", port, place.tls),), 2.0)
