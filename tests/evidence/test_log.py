"""Appending and reading; what is refused, and with which words."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rfdata.errors import UsageError
from rfdata.evidence import log, record
from rfdata.evidence.snapshot import LOG
from rfdata.model.evidence import GENESIS, Evidence, Statement
from rfdata.secrets import Secret

Append = Callable[..., Evidence]
AT = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)


def state(append: Append, kind: str, line: str, note: str) -> None:
    word = Statement(line, "Ada", note, AT, AT + timedelta(days=1))
    append(kind, **record.from_statement(word))


def test_nothing_recorded_yet(folder: Path) -> None:
    assert log.head(folder) == GENESIS
    assert log.newest(folder, "verified") is None
    assert list(log.read(folder)) == []
    assert log.statements(folder).attested == {}
    found = log.verify(folder)
    assert (found.ok, found.records, found.head) == (True, 0, GENESIS)
    assert not folder.exists()


def test_each_record_names_the_one_before(folder: Path, append: Append) -> None:
    first, second = append(x=1), append("verified", x=(2, 3))
    assert (first.seq, first.previous) == (1, GENESIS)
    assert (second.seq, second.previous) == (2, first.hash)
    assert list(log.read(folder)) == [first, second]
    assert second.data == {"x": [2, 3]}
    assert log.head(folder) == log.verify(folder).head == second.hash


def test_only_the_owner_may_look(folder: Path, append: Append) -> None:
    append()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_the_newest_of_a_kind_is_found_from_the_end(folder: Path, append: Append) -> None:
    append("verified", run=1)
    wanted = append("verified", run=2, long="x" * 700_000)
    for _ in range(3):
        append("applied", long="y" * 300_000)
    assert log.newest(folder, "verified") == wanted
    newest = log.newest(folder)
    assert newest is not None
    assert newest.seq == 5
    assert log.newest(folder, "drill") is None
    assert [e.seq for e in log.read(folder, "verified")] == [1, 2]


def test_the_newest_word_on_each_line_counts(folder: Path, append: Append) -> None:
    state(append, "attested", "9.24", "old")
    state(append, "attested", "9.24", "new")
    state(append, "waived", "8.1", "shared host")
    append("verified")
    found = log.statements(folder)
    assert found.attested["9.24"].note == "new"
    assert list(found.waived) == ["8.1"]


def test_a_secret_never_gets_in(folder: Path, append: Append) -> None:
    with pytest.raises(TypeError, match="Secret"):
        append(password=Secret("hunter2"))
    assert not folder.exists()


@pytest.mark.parametrize("part", ["evidence.jsonl", "head"])
def test_a_missing_file_is_no_empty_log(folder: Path, append: Append, part: str) -> None:
    for _ in range(3):
        append()
    (folder / part).unlink()
    before = sorted(folder.iterdir())
    assert not log.verify(folder).ok
    for use in (append, lambda: log.head(folder), lambda: list(log.read(folder))):
        with pytest.raises(UsageError) as caught:
            use()
        assert str(folder) in caught.value.message
        assert "rfdata evidence verify" in caught.value.hint
    assert sorted(folder.iterdir()) == before


def test_a_changed_record_is_named_and_nothing_is_written(folder: Path, append: Append) -> None:
    for number in range(5):
        state(append, "attested", f"9.{number}", "looked at")
    path = folder / LOG
    broken = path.read_bytes().replace(b'"line":"9.4"', b'"line":"9.9"')
    path.write_bytes(broken)
    for use in (append, lambda: log.newest(folder), lambda: log.statements(folder)):
        with pytest.raises(UsageError, match=r"evidence\.jsonl, line 5: .*altered"):
            use()
    assert path.read_bytes() == broken


def test_a_log_whose_end_was_removed_is_named(folder: Path, append: Append) -> None:
    for _ in range(4):
        append()
    path = folder / LOG
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    assert [p.what[:29] for p in log.verify(folder).problems] == ["records 3 to 4 are missing af"]
    with pytest.raises(UsageError, match="line 2: records 3 to 4 are missing"):
        append()


def test_bytes_without_end_do_not_fill_the_memory(folder: Path, append: Append) -> None:
    append()
    with open(folder / LOG, "r+b") as stream:
        stream.truncate(3 * 1024**3)  # a sparse file
    with pytest.raises(UsageError, match="longer than any record"):
        append()


def test_a_folder_that_may_not_be_written(
    plain_user: Callable[[], AbstractContextManager[Path]],
) -> None:
    with plain_user() as place:
        with pytest.raises(UsageError, match="Permission denied") as caught:
            log.append(place / "evidence", "applied", {}, by="a", version="0")
        assert "may read and write" in caught.value.hint
        assert list(place.iterdir()) == []


def test_a_log_that_may_not_be_read(
    folder: Path, append: Append, plain_user: Callable[[], AbstractContextManager[Path]]
) -> None:
    append()
    folder.chmod(0)
    with plain_user(), pytest.raises(UsageError, match="Permission denied"):
        log.verify(folder)
    folder.chmod(0o700)


def test_a_file_where_the_folder_should_be(folder: Path, append: Append) -> None:
    folder.write_text("not a folder")
    for use in (append, lambda: log.head(folder), lambda: log.verify(folder)):
        with pytest.raises(UsageError, match=r"evidence.*: (File exists|Not a directory)"):
            use()
    assert folder.read_text() == "not a folder"
