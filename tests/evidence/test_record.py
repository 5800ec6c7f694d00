"""A line of the log: exact bytes, plain data, no secrets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfdata.evidence import record
from rfdata.evidence.record import NotARecord
from rfdata.model.evidence import GENESIS, Statement
from rfdata.secrets import Secret

AT = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def encode(data: dict[str, Any], **other: Any) -> bytes:
    fields: dict[str, Any] = {
        "previous": GENESIS,
        "kind": "applied",
        "seq": 1,
        "at": AT,
        "by": "ada@host",
        "version": "0.1.0",
        "data": data,
    }
    return record.encode(**{**fields, **other})


@given(st.dictionaries(st.text(), values, max_size=5), st.text(), st.integers(1, 10**12))
def test_what_is_written_reads_back(data: dict[str, Any], by: str, seq: int) -> None:
    line = encode(data, by=by, seq=seq)
    assert line.isascii()
    assert line.index(b"\n") == len(line) - 1
    found = record.decode(line[:-1])
    assert found.data == data
    assert (found.by, found.seq, found.at, found.kind) == (by, seq, AT, "applied")


def test_the_hash_covers_the_canonical_json_of_all_else() -> None:
    import hashlib

    line = encode({"b": 1, "a": [2]})
    rest = {key: value for key, value in json.loads(line).items() if key != "hash"}
    body = json.dumps(rest, separators=(",", ":")).encode()
    assert record.decode(line[:-1]).hash == hashlib.sha256(body).hexdigest()
    assert encode({"a": [2], "b": 1}) == line


def test_times_are_kept_in_utc() -> None:
    vienna = timezone(timedelta(hours=1))
    found = record.decode(encode({}, at=datetime(2026, 1, 1, 1, tzinfo=vienna))[:-1])
    assert found.at.isoformat() == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"env": {"PASSWORD": Secret("hunter2")}}, "data.env.PASSWORD is a Secret"),
        ({"list": [1, (Secret("hunter2"),)]}, r"data.list\[1\]\[0\] is a Secret"),
        ({"at": AT}, "data.at is a datetime"),
        ({"set": {1}}, "data.set is a set"),
        ({"nan": float("nan")}, "data.nan is a float"),
        ({1: 2}, "data has a key that is no text"),
    ],
)
def test_what_is_not_plain_is_refused(data: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said) as caught:
        encode(data)
    assert "hunter2" not in str(caught.value)


def test_a_record_has_a_longest_length() -> None:
    with pytest.raises(ValueError, match="bytes"):
        encode({"x": "y" * record.LONGEST})


@given(st.binary(max_size=400))
def test_any_other_bytes_are_no_record(line: bytes) -> None:
    with pytest.raises(NotARecord):
        record.decode(line)


def test_a_forged_line_with_a_right_hash_is_still_read_with_care() -> None:
    body = encode({})[: -record._END_LENGTH - 1].replace(b"2026-11", b"2026-99") + b"}"
    forged = body[:-1] + b',"hash":"' + record._digest(body) + b'"}'
    with pytest.raises(NotARecord, match="can't be read"):
        record.decode(forged)


def test_statements_go_in_and_out() -> None:
    word = Statement("9.24", "Ada Lovelace", "ticket 17", AT, AT + timedelta(days=90))
    line = encode(record.from_statement(word), kind="attested")
    assert record.to_statement(record.decode(line[:-1])) == word
    with pytest.raises(NotARecord, match="no statement"):
        record.to_statement(record.decode(encode({"line": "9.24"}, kind="attested")[:-1]))
