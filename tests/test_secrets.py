"""A secret stays one, whichever way somebody tries to print, copy or store it."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import logging
import math
import pickle
import pprint
import re
import reprlib
import string
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import rich
import rich.pretty
import rich.traceback
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from rfdata.secrets import REDACTED, Secret, entropy_bits, generate

PLAIN = "hunter2-correct-horse"


@dataclass(frozen=True)
class Holder:
    name: str
    password: Secret


def printed_by_rich(show: Callable[[Console], None]) -> str:
    console = Console(file=io.StringIO(), width=200)
    show(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def logged(secret: Secret) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.error("password %s %r", secret, secret)
    try:
        raise ValueError(secret)
    except ValueError:
        logger.exception("with %s", {"password": secret})
    return stream.getvalue()


def raised(secret: Secret) -> str:
    try:
        raise RuntimeError("no", secret, Holder("x", secret))
    except RuntimeError as error:
        return "".join(
            traceback.TracebackException.from_exception(error, capture_locals=True).format()
        )


def traced_by_rich(secret: Secret) -> str:
    try:
        raise RuntimeError(secret)
    except RuntimeError:
        shown = rich.traceback.Traceback(show_locals=True)
    return printed_by_rich(lambda console: console.print(shown))


WAYS: dict[str, Callable[[Secret], str]] = {
    "str": str,
    "repr": repr,
    "ascii": ascii,
    "format": lambda secret: format(secret, ">60"),
    "f-string": lambda secret: f"{secret}{secret!r}{secret!s:>40}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
    "str.format": lambda secret: "{0} {0!r} {0:10}".format(secret),  # noqa: UP032
    "template": lambda secret: string.Template("$x").substitute(x=secret),
    "list": lambda secret: str([secret]),
    "dict": lambda secret: str({"a": secret, secret: "b"}),
    "dataclass": lambda secret: str(Holder("x", secret)),
    "pprint": lambda secret: pprint.pformat([Holder("x", secret)]),
    "reprlib": lambda secret: reprlib.repr([secret]),
    "json with default": lambda secret: json.dumps({"a": secret}, default=str),
    "logging": logged,
    "traceback": raised,
    "rich": lambda secret: printed_by_rich(
        lambda console: console.print(secret, [secret], Holder("x", secret))
    ),
    "rich pretty": lambda secret: rich.pretty.pretty_repr(Holder("x", secret)),
    "rich inspect": lambda secret: printed_by_rich(
        lambda console: rich.inspect(secret, console=console)
    ),
    "rich traceback": traced_by_rich,
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_printing_shows_it(way: str) -> None:
    shown = WAYS[way](Secret(PLAIN))
    assert PLAIN not in shown
    assert REDACTED in shown


@given(st.text(min_size=1), st.text(max_size=5))
def test_whatever_it_is_it_prints_the_same(plain: str, spec: str) -> None:
    secret = Secret(plain)
    assert (str(secret), repr(secret), format(secret, spec)) == (
        REDACTED,
        f"Secret({REDACTED})",
        REDACTED,
    )


REFUSED: dict[str, Callable[[Secret], object]] = {
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "asdict": lambda secret: dataclasses.asdict(Holder("x", secret)),
    "json": json.dumps,
    "join": lambda secret: "".join([secret]),  # type: ignore[list-item]
    "add": lambda secret: "a" + secret,  # type: ignore[operator]
    "iterate": lambda secret: list(secret),  # type: ignore[call-overload]
    "index": lambda secret: secret[0],  # type: ignore[index]
    "bytes": lambda secret: bytes(secret),  # type: ignore[call-overload]
    "vars": vars,
    "write": lambda secret: io.StringIO().write(secret),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("way", REFUSED)
def test_no_way_of_storing_takes_it(way: str) -> None:
    with pytest.raises(TypeError) as error:
        REFUSED[way](Secret(PLAIN))
    assert PLAIN not in str(error.value)


def test_only_reveal_gives_it_out() -> None:
    assert Secret(PLAIN).reveal() == PLAIN
    public = [name for name in dir(Secret(PLAIN)) if not name.startswith("_")]
    assert public == ["reveal"]


@given(st.text(st.characters()), st.text(st.characters()))
def test_equal_secrets_are_equal_and_hash_alike(one: str, other: str) -> None:
    """Bytes that were no UTF-8 included."""
    assert Secret(one) == Secret(one)
    assert hash(Secret(one)) == hash(Secret(one))
    assert (Secret(one) == Secret(other)) is (one == other)
    assert len(Secret(one)) == len(one)


def test_a_secret_never_equals_its_plain_text() -> None:
    assert Secret(PLAIN) != PLAIN
    assert PLAIN not in [Secret(PLAIN)]
    assert not Secret("")
    assert hash(Secret(PLAIN)) != hash(PLAIN)


def test_new_ones_are_43_url_safe_characters_of_256_bits() -> None:
    drawn = {generate().reveal() for _ in range(500)}
    assert len(drawn) == 500
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", value) for value in drawn)
    assert len(set("".join(drawn))) == 64
    assert min(entropy_bits(Secret(value)) for value in drawn) > 128


@pytest.mark.parametrize(
    ("value", "bits"), [("", 0.0), ("a" * 100, 0.0), ("ab" * 10, 20.0), ("abcdefgh", 24.0)]
)
def test_entropy_counts_distinct_characters(value: str, bits: float) -> None:
    assert entropy_bits(Secret(value)) == bits


@given(st.text(min_size=1))
def test_entropy_is_an_upper_bound_that_repetition_does_not_raise_per_character(value: str) -> None:
    bits = entropy_bits(Secret(value))
    assert 0 <= bits <= len(value) * math.log2(max(len(value), 1)) + 1e-9
    assert math.isclose(entropy_bits(Secret(value * 2)), 2 * bits, abs_tol=1e-9)
