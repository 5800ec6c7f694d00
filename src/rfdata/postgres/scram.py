"""SCRAM-SHA-256 as PostgreSQL stores and speaks it (RFC 5802, 7677), with the standard library alone.

A verifier is not the password, but whoever holds it can guess at leisure: it is a Secret too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata

from rfdata.secrets import Secret

ITERATIONS = 4096
"""PostgreSQL's default; 256 random bits gain nothing from more."""

_SALT_BYTES = 16
_MOST_ITERATIONS = 10_000_000
"""Whoever asks for more only wants to keep us busy."""

_VERIFIER = re.compile(
    r"SCRAM-SHA-256\$(\d{1,9}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)"
)
_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def verifier(password: Secret, salt: bytes | None = None, iterations: int = ITERATIONS) -> Secret:
    """What PostgreSQL stores for a password: it takes this in place of the password itself."""
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    salted = _salted(password, salt, iterations)
    stored = hashlib.sha256(_mac(salted, b"Client Key")).digest()
    server = _mac(salted, b"Server Key")
    return Secret(f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored)}:{_text(server)}")


def matches(stored: Secret, password: Secret) -> bool:
    """Whether a stored verifier is this password's."""
    match = _VERIFIER.fullmatch(stored.reveal())
    if match is None or not 0 < int(match[1]) <= _MOST_ITERATIONS:
        return False
    try:
        salt = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        return False
    return verifier(password, salt, int(match[1])) == stored


class Exchange:
    """The client's side of one authentication, without channel binding."""

    def __init__(self, password: Secret) -> None:
        self._password = password
        self._nonce = secrets.token_urlsafe(18)
        self._signature = b""

    def first(self) -> bytes:
        """The client's first message. The user's name goes in the start-up message instead."""
        return f"n,,n=,r={self._nonce}".encode()

    def final(self, challenge: bytes) -> bytes:
        """The proof for the server's challenge. Raises ValueError where that is no SCRAM."""
        text = challenge.decode()
        fields = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
        try:
            nonce, salt, iterations = fields["r"], base64.b64decode(fields["s"]), int(fields["i"])
        except KeyError as error:
            raise ValueError("the server's challenge is not SCRAM-SHA-256") from error
        if not nonce.startswith(self._nonce) or not 0 < iterations <= _MOST_ITERATIONS:
            raise ValueError("the server's challenge doesn't answer ours")
        salted = _salted(self._password, salt, iterations)
        unproved = f"c=biws,r={nonce}"
        signed = f"n=,r={self._nonce},{text},{unproved}".encode()
        key = _mac(salted, b"Client Key")
        signature = _mac(hashlib.sha256(key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        self._signature = _mac(_mac(salted, b"Server Key"), signed)
        return f"{unproved},p={_text(proof)}".encode()

    def proves_server(self, outcome: bytes) -> bool:
        """Whether the server's last message shows that it knows the verifier as well."""
        return hmac.compare_digest(outcome, b"v=" + base64.b64encode(self._signature))


def prepared(password: str) -> str:
    """SASLprep (RFC 4013); a password that it prohibits is used as it is, as PostgreSQL does.

    >>> prepared("I\\u00adX"), prepared("\\u2168")
    ('IX', 'IX')
    """
    if password.isascii():
        return password
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    normal = unicodedata.normalize("NFKC", mapped)
    if not normal or any(test(character) for character in normal for test in _PROHIBITED):
        return password
    if any(stringprep.in_table_a1(character) for character in normal) or not _one_way(normal):
        return password
    return normal


def _one_way(text: str) -> bool:
    """RFC 3454, 6: right-to-left text has no left-to-right letters, and begins and ends with its own."""
    if not any(stringprep.in_table_d1(character) for character in text):
        return True
    if any(stringprep.in_table_d2(character) for character in text):
        return False
    return stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])


def _salted(password: Secret, salt: bytes, iterations: int) -> bytes:
    plain = prepared(password.reveal()).encode()
    return hashlib.pbkdf2_hmac("sha256", plain, salt, iterations)


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
