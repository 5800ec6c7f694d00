"""SCRAM by hand, against RFC 7677's own example and against libpq."""

from __future__ import annotations

import base64

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfdata.postgres import scram
from rfdata.postgres.scram import Exchange
from rfdata.secrets import Secret

TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
)
"""Whatever a person may put into .env, and more."""


def libpq_verifier(password: str) -> Secret:
    """What libpq computes for `\\password`; it needs a connection object, but no server."""
    connection = psycopg.pq.PGconn.connect_start(b"host=/nonexistent")
    try:
        made = connection.encrypt_password(password.encode(), b"anyone", b"scram-sha-256")
    finally:
        connection.finish()
    return Secret(made.decode())


def test_the_example_of_rfc_7677() -> None:
    exchange = Exchange(Secret("pencil"))
    exchange._nonce = "rOprNGfwEbeRWgbNEkqO"
    server = (
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    assert exchange.first() == b"n,,n=,r=rOprNGfwEbeRWgbNEkqO"
    assert exchange.final(server).startswith(b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj")


def test_a_verifier_that_is_known() -> None:
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    made = scram.verifier(Secret("pencil"), salt).reveal()
    stored, server = (
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=",
        "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    )
    assert made == f"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==${stored}:{server}"


@settings(max_examples=60, deadline=None)
@given(TEXT)
def test_libpq_and_we_prepare_a_password_alike(password: str) -> None:
    assert scram.matches(libpq_verifier(password), Secret(password))


@pytest.mark.parametrize(
    "password", ["I\u00adX", "\u2168", "a\u00a0b", "\u0627\u0031", "\u0627b\u0627", "\u0007", "é"]
)
def test_the_corners_of_saslprep(password: str) -> None:
    assert scram.matches(libpq_verifier(password), Secret(password))


@given(TEXT, TEXT)
@settings(max_examples=30, deadline=None)
def test_only_its_own_password_matches(password: str, other: str) -> None:
    stored = scram.verifier(Secret(password), iterations=2)
    assert scram.matches(stored, Secret(password))
    if scram.prepared(password) != scram.prepared(other):
        assert not scram.matches(stored, Secret(other))


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "secret",
        "md5" + "0" * 32,
        "SCRAM-SHA-256$x:y$z:w",
        "SCRAM-SHA-256$4096:===$AAAA:AAAA",
        "SCRAM-SHA-256$0:AAAA$AAAA:AAAA",
        "SCRAM-SHA-256$99999999999:AAAA$AAAA:AAAA",
    ],
)
def test_what_is_no_verifier_matches_nothing(stored: str) -> None:
    assert not scram.matches(Secret(stored), Secret("secret"))


def test_two_verifiers_of_one_password_differ() -> None:
    password = Secret("hunter2")
    assert scram.verifier(password) != scram.verifier(password)


@pytest.mark.parametrize(
    "challenge",
    [
        b"",
        b"nonsense",
        b"r=other,s=AAAA,i=1",
        b"r=NONCEx,s=AAAA,i=0",
        b"r=NONCEx,s=AAAA,i=99999999",
    ],
)
def test_a_challenge_that_is_not_for_us(challenge: bytes) -> None:
    exchange = Exchange(Secret("x"))
    with pytest.raises(ValueError):
        exchange.final(challenge.replace(b"NONCE", exchange._nonce.encode()))
