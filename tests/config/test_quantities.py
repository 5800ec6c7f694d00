from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfdata.config.quantities import (
    LARGEST,
    LONGEST,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)

ANYTHING = st.one_of(
    st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.integers())
)
NUMBER_AND_UNIT = st.from_regex(r"\A[0-9.]{1,30} ?(B|kB|MB|GB|TB|us|ms|s|min|h|d)\Z")


@given(st.integers(0, LARGEST))
def test_every_size_comes_back_as_the_same_bytes(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.integers(0, round(LONGEST * 1_000_000)))
def test_every_duration_comes_back_as_the_same_seconds(microseconds: int) -> None:
    seconds = microseconds / 1_000_000
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(1, LARGEST))
def test_a_size_is_written_as_short_as_it_can_be(size: int) -> None:
    match = re.fullmatch(r"(\d+)(B|kB|MB|GB|TB)", format_size(size))
    assert match is not None
    assert match[2] == "TB" or int(match[1]) % 1024


@given(ANYTHING | NUMBER_AND_UNIT)
def test_anything_is_a_size_or_a_value_error(value: object) -> None:
    try:
        assert 0 <= parse_size(value) <= LARGEST
    except ValueError as error:
        assert len(str(error)) < 250  # noqa: PT017 - any ValueError will do, if it is short


@given(ANYTHING | NUMBER_AND_UNIT)
def test_anything_is_a_duration_or_a_value_error(value: object) -> None:
    try:
        assert 0 <= parse_duration(value) <= LONGEST
    except ValueError as error:
        assert len(str(error)) < 250  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0MB", 0),
        ("1B", 1),
        ("128kB", 131072),
        (" 1.5 GB ", 1610612736),
        ("1TB", 1024**4),
        ("1125899906842623B", 2**50 - 1),
        ("1023.000000000001TB", 1023 * 1024**4 + 1),
    ],
)
def test_sizes_are_counted_in_1024s_and_exactly(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0ms", 0.0),
        ("250us", 0.00025),
        ("1.5s", 1.5),
        ("10min", 600.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
    ],
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "256",
        "MB",
        "256mb",
        "256 M B",
        "-1MB",
        "+1MB",
        "1e3MB",
        "0x10MB",
        "1,5GB",
        "nanMB",
        "infMB",
        "256MB\n1GB",
        "\u0661MB",
        "1_000MB",
        "9" * 400 + "MB",
        "1025TB",
        "1.MB",
        ".5MB",
        "1.5.5MB",
    ],
)
def test_what_only_resembles_a_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a size|at most 1024TB"):
        parse_size(text)


@pytest.mark.parametrize(
    "text",
    ["", "10", "s", "10S", "10m", "10sec", "-1s", "1e9s", "nans", "25d", "0.1us", "9" * 30 + "d"],
)
def test_what_only_resembles_a_duration_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"is not a duration|at most 24 days|finer than a microsecond"
    ):
        parse_duration(text)


def test_a_bare_number_is_told_which_units_there_are() -> None:
    with pytest.raises(ValueError, match=r'needs its unit: .* for example "256MB"'):
        parse_size(256)
    with pytest.raises(ValueError, match=r'needs its unit: .* for example "2\.5s"'):
        parse_duration(2.5)


@pytest.mark.parametrize("value", [True, None, [1], {}, b"1MB"])
def test_other_types_are_told_to_be_text(value: object) -> None:
    with pytest.raises(ValueError, match="a size is written as text with its unit"):
        parse_size(value)
    with pytest.raises(ValueError, match="a duration is written as text with its unit"):
        parse_duration(value)
