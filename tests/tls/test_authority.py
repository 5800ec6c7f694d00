"""The CA and what it issues: contents, access, and every half state that a crash can leave."""

from __future__ import annotations

import os
import random
import signal
import ssl
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.tls.conftest import NAMES, Place

from rfdata import files
from rfdata.errors import ChangeFailed
from rfdata.files import Owner
from rfdata.tls import authority, signing

ROOT = os.geteuid() == 0
NOBODY = Owner.named("nobody") if ROOT else Owner()


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def require_pair(folder: Path) -> None:
    """OpenSSL itself takes the two together."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")


def generations(place: Place) -> list[str]:
    return sorted(path.name for path in place.tls.iterdir() if not path.is_symlink())


def test_the_authority_may_sign_servers_and_nothing_below_it(place: Place) -> None:
    ca = load(place.ca_file)
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).critical
    constraints = ca.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)
    key = ca.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert stat.S_IMODE((place.ca / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(place.ca_file.stat().st_mode) == 0o644


def test_a_server_certificate_says_what_it_is_for(place: Place) -> None:
    ca, certificate = load(place.ca_file), load(place.current / "server.crt")
    extensions = certificate.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert {str(a) for a in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}
    purpose = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purpose) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    issuer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    subject = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert issuer.key_identifier == subject.digest
    certificate.verify_directly_issued_by(ca)
    require_pair(place.current)
    assert (place.current / "ca.crt").read_bytes() == place.ca_file.read_bytes()


def test_a_certificate_counts_already_and_never_too_long(tmp_path: Path) -> None:
    authority.issue_authority(tmp_path, 99_999, "tests", 1)
    tls = tmp_path / "tls"
    tls.mkdir()
    authority.issue_certificate(tmp_path, tls, NAMES, 99_999, Owner())
    now = datetime.now(UTC)
    for path, days in ((tmp_path / "ca.crt", 3650), (tls / "current" / "server.crt", 825)):
        found = load(path)
        assert found.not_valid_before_utc < now
        length = found.not_valid_after_utc - found.not_valid_before_utc
        assert timedelta(days=days) - timedelta(seconds=2) < length <= timedelta(days=days)


def test_no_certificate_outlives_its_authority(place: Place) -> None:
    authority.issue_certificate(place.ca, place.tls, NAMES, 800, Owner())
    found = load(place.current / "server.crt")
    assert found.not_valid_after_utc <= load(place.ca_file).not_valid_after_utc


def test_a_good_authority_stays_as_it_is(place: Place) -> None:
    before = place.ca_file.read_bytes(), (place.ca / "ca.key").read_bytes()
    authority.issue_authority(place.ca, 100, "other", 1)
    assert before == (place.ca_file.read_bytes(), (place.ca / "ca.key").read_bytes())


def test_an_authority_that_is_due_is_signed_anew_with_its_key(place: Place) -> None:
    """Every certificate that it issued stays valid."""
    old = load(place.ca_file)
    authority.issue_authority(place.ca, 3650, "other", renew_before_days=101)
    new = load(place.ca_file)
    assert new.not_valid_after_utc > old.not_valid_after_utc
    assert (new.subject, new.public_key()) == (old.subject, old.public_key())
    load(place.current / "server.crt").verify_directly_issued_by(new)


def test_a_crash_after_the_authoritys_key_is_completed(tmp_path: Path) -> None:
    key = signing.new_key()
    files.write(tmp_path / "ca.key", signing.key_text(key), mode=0o600)
    (tmp_path / ".ca.crt.rfdata-new").write_text("half a certifi")
    authority.issue_authority(tmp_path, 100, "tests", 1)
    assert load(tmp_path / "ca.crt").public_key() == key.public_key()
    assert not list(tmp_path.glob(".*"))


def test_a_certificate_without_its_key_is_never_signed_over(place: Place) -> None:
    (place.ca / "ca.key").unlink()
    with pytest.raises(ChangeFailed, match="its key") as caught:
        authority.issue_authority(place.ca, 100, "tests", 1)
    assert "new CA" in caught.value.hint
    assert not (place.ca / "ca.key").exists()


@pytest.mark.parametrize("name", ["ca.key", "ca.crt"])
def test_a_damaged_file_is_named(place: Place, name: str) -> None:
    (place.ca / name).write_text("-----BEGIN NONSENSE-----")
    for act in (
        lambda: authority.issue_authority(place.ca, 100, "tests", 1),
        lambda: authority.issue_certificate(place.ca, place.tls, NAMES, 10, Owner()),
    ):
        with pytest.raises(ChangeFailed, match=name):
            act()


def test_two_that_do_not_belong_together_are_refused(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    authority.issue_authority(other, 100, "other", 1)
    (place.ca / "ca.key").write_bytes((other / "ca.key").read_bytes())
    with pytest.raises(ChangeFailed, match="does not belong"):
        authority.issue_authority(place.ca, 100, "tests", 1)


def test_half_a_certificate_from_a_crash_is_ignored_and_cleared_away(place: Place) -> None:
    served = authority.current(place.tls)
    half = place.tls / "20990101T000000000000Z"
    half.mkdir()
    (half / "server.key").write_text("only the key was written")
    (place.tls / ".current.rfdata-new").symlink_to("nowhere")
    require_pair(place.current)
    authority.issue_certificate(place.ca, place.tls, NAMES, 10, Owner())
    require_pair(place.current)
    assert served is not None
    assert half.name not in generations(place)
    assert served.name in generations(place)
    assert len(generations(place)) == 2


def test_only_the_one_before_is_kept_and_nothing_foreign_is_removed(place: Place) -> None:
    (place.tls / "mine").mkdir()
    made = [authority.issue_certificate(place.ca, place.tls, NAMES, 10, Owner()) for _ in range(4)]
    assert generations(place) == sorted([made[2].name, made[3].name, "mine"])
    assert authority.current(place.tls) == made[3]


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_access_is_right_under_any_umask(place: Place, mask: int) -> None:
    before = os.umask(mask)
    try:
        folder = authority.issue_certificate(place.ca, place.tls, NAMES, 10, NOBODY)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"server.key": 0o600, "server.crt": 0o644, "ca.crt": 0o644}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    if ROOT:
        assert {path.stat().st_uid for path in (folder, *folder.iterdir())} == {NOBODY.uid}


def test_no_key_is_ever_readable_by_others(place: Place) -> None:
    """Looked at as fast as possible while keys are written, with a umask that hides nothing."""
    seen: list[tuple[int, int, int]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            with suppress(FileNotFoundError):
                for path in place.tls.glob("*/*server.key*"):
                    found = path.stat()
                    seen.append((stat.S_IMODE(found.st_mode), found.st_size, found.st_uid))

    thread = threading.Thread(target=watch)
    before = os.umask(0)
    thread.start()
    try:
        for _ in range(20):
            authority.issue_certificate(place.ca, place.tls, NAMES, 10, NOBODY)
    finally:
        done.set()
        thread.join()
        os.umask(before)
    assert seen
    assert {mode for mode, _, _ in seen} == {0o600}
    if ROOT:
        written = {uid for _, size, uid in seen if size}
        assert written <= {NOBODY.uid, os.geteuid()}  # 0: the fixture's own pair


KILL_ME = """
import sys
from pathlib import Path
from rfdata.files import Owner
from rfdata.tls import authority
ca, tls = map(Path, sys.argv[1:])
print("ready", flush=True)
while True:
    authority.issue_authority(ca, 100, "tests", renew_before_days=5000)
    authority.issue_certificate(ca, tls, ("localhost",), 10, Owner())
"""


@pytest.mark.parametrize("seed", range(5))
def test_killed_at_any_moment_the_served_pair_matches(place: Place, seed: int) -> None:
    """Both are issued in a loop, and the process is killed in the midst of it."""
    wait = random.Random(seed).uniform(0.02, 0.12)
    with subprocess.Popen(
        [sys.executable, "-c", KILL_ME, place.ca, place.tls], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        sleep(wait)
        process.send_signal(signal.SIGKILL)
    require_pair(place.current)
    load(place.current / "server.crt").verify_directly_issued_by(load(place.ca_file))
    authority.issue_authority(place.ca, 100, "tests", 1)
    authority.issue_certificate(place.ca, place.tls, NAMES, 10, Owner())
    require_pair(place.current)
    assert len(generations(place)) == 2
