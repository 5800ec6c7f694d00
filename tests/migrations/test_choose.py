"""What is pending, and everything that speaks against running it: pure, no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.migrations.running import FOLDER, folder, migration, table

from rfdata.errors import UsageError
from rfdata.migrations import choose
from rfdata.migrations.folder import read_folder
from rfdata.migrations.migration import Folder, Migration
from rfdata.model.migrations import LedgerEntry, Problem, State

WHEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
FILES = tuple(table(number) for number in range(1, 5))


def entry(made: Migration, state: State = "applied", done: int = 0) -> LedgerEntry:
    return LedgerEntry(
        *(made.number, made.name, made.script.checksum, state, 3, done, ""),
        *(WHEN, 0.1, "ada@laptop", "1.2.3"),
    )


def entries(*numbers: int) -> tuple[LedgerEntry, ...]:
    return tuple(entry(FILES[number - 1]) for number in numbers)


def refused(
    *made: Migration, applied: tuple[LedgerEntry, ...], to: str | None = None
) -> UsageError:
    with pytest.raises(UsageError) as caught:
        choose.to_apply(folder(made), applied, to)
    return caught.value


def names(chosen: tuple[Migration, ...]) -> list[str]:
    return [made.name for made in chosen]


class TestUp:
    @pytest.mark.parametrize(
        ("applied", "to", "pending"),
        [
            ((), None, [1, 2, 3, 4]),
            ((1, 2), None, [3, 4]),
            ((1, 2, 3, 4), None, []),
            ((), "2", [1, 2]),
            ((1,), "0003", [2, 3]),
            ((1,), "0003_t3", [2, 3]),
            ((1, 2, 3), "2", []),
        ],
    )
    def test_what_is_pending_in_order(
        self, applied: tuple[int, ...], to: str | None, pending: list[int]
    ) -> None:
        chosen = choose.to_apply(folder(FILES), entries(*applied), to)
        assert [made.number for made in chosen] == pending

    def test_an_empty_folder_on_an_empty_ledger(self) -> None:
        assert choose.to_apply(folder([]), ()) == ()

    def test_what_was_adopted_is_not_pending(self) -> None:
        chosen = choose.to_apply(folder(FILES), (entry(FILES[0], "baseline"),))
        assert names(chosen) == ["0002_t2", "0003_t3", "0004_t4"]

    def test_an_edited_file(self) -> None:
        edited = migration("0001_t1", "CREATE TABLE other (id int);")
        error = refused(edited, *FILES[1:], applied=entries(1))
        assert error.message == (
            "migrations/0001_t1.sql was edited after it was applied 2026-03-04 05:06:07 UTC "
            "by ada@laptop, rfdata 1.2.3"
        )
        assert "put it back" in error.hint
        assert "rfdata migrate new" in error.hint

    def test_an_edited_rollback_or_proof_is_no_edited_file(self) -> None:
        other = migration("0001_t1", FILES[0].script.text, "SELECT 1;", "SELECT true;")
        assert names(choose.to_apply(folder([other, *FILES[1:]]), entries(1, 2, 3))) == ["0004_t4"]

    def test_a_file_that_is_gone(self) -> None:
        error = refused(*FILES[1:], applied=entries(1))
        assert error.message.startswith("migrations/0001_t1.sql is gone, and was applied 2026")
        assert "version control" in error.hint

    def test_a_file_that_was_renamed(self) -> None:
        renamed = migration("0001_renamed", FILES[0].script.text)
        error = refused(renamed, *FILES[1:], applied=entries(1))
        assert "0001_renamed.sql was applied as 0001_t1.sql" in error.message
        assert error.hint == "name it 0001_t1.sql again"

    def test_a_file_before_one_that_is_applied(self) -> None:
        error = refused(*FILES, applied=entries(1, 3))
        assert (
            error.message
            == "migrations/0002_t2.sql sorts before number 3, which is applied already"
        )
        assert "give it a number after 3" in error.hint

    def test_everything_is_told_at_once_but_not_more_than_twenty(self) -> None:
        many = [table(number) for number in range(1, 31)]
        error = refused(table(99), applied=tuple(entry(made) for made in many))
        assert error.message.count(" is gone") == 20
        assert error.message.endswith("and 10 more")
        assert error.hint.count("version control") == 1

    def test_a_number_that_is_not_there(self) -> None:
        for to in ("9", "t1", "-1", "²", ""):
            error = refused(*FILES, applied=(), to=to)
            assert error.message == f"migrations has no migration {to}"
            assert "0001_t1 to 0004_t4" in error.hint
        assert "it is empty" in refused(applied=(), to="1").hint

    @pytest.mark.parametrize(
        ("state", "said"),
        [
            ("failed", "failed at statement 2 of 3: no space"),
            ("applying", "was begun and is not known to have ended: statement 2 of 3 may be done"),
        ],
    )
    def test_one_that_is_unfinished(self, state: State, said: str) -> None:
        unfinished = replace(entry(FILES[0], state, done=1), error="no space")
        error = refused(*FILES, applied=(unfinished,))
        assert f"migrations/0001_t1.sql {said}" in error.message
        for command in (
            "`rfdata migrate up --resume 0001`",
            "`rfdata migrate resolve 0001 --as applied`",
            "`rfdata migrate resolve 0001 --as not-applied`",
        ):
            assert command in error.hint

    def test_problems_of_the_folder(self) -> None:
        problems = tuple(
            Problem(f"000{n}_x.sql", n, 2, "rule", "is wrong", "mend it", "error")
            for n in range(1, 4)
        )
        warning = Problem("0009_x.sql", 0, 0, "rule", "is odd", "look", "warning")
        waived = replace(problems[0], path="0008_x.sql", waived="because")
        bad = Folder(FOLDER, FILES, (*problems, warning, waived))
        for choice in (choose.to_apply, choose.to_take_back):
            with pytest.raises(UsageError) as caught:
                choice(bad, entries(1))
            assert caught.value.message.splitlines() == [
                f"000{n}_x.sql:{n}:2: is wrong" for n in range(1, 4)
            ]
            assert caught.value.hint == "mend it"
        assert choose.to_apply(Folder(FOLDER, FILES, (warning, waived)), ()) == FILES

    @pytest.mark.parametrize(
        ("files", "said"),
        [
            ({"0001_a.sql": b"SELECT '\xff'"}, "UTF-8"),
            ({"0001_a.sql": b"SELECT 1", "0001_b.sql": b"SELECT 1"}, "0001"),
            ({"0001_a.sql": b"SELECT 1", "02_b.sql": b"SELECT 1"}, "02_b"),
            ({"0001 a.sql": b"SELECT 1"}, "0001 a"),
        ],
    )
    def test_a_real_folder_with_problems(
        self, tmp_path: Path, files: dict[str, bytes], said: str
    ) -> None:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=said):
            choose.to_apply(read_folder(tmp_path), ())

    def test_windows_line_ends_are_the_same_file(self, tmp_path: Path) -> None:
        (tmp_path / "0001_a.sql").write_bytes(b"\xef\xbb\xbfSELECT 1;\r\nSELECT 2;\r\n")
        unix = migration("0001_a", "SELECT 1;\nSELECT 2;\n")
        assert choose.to_apply(read_folder(tmp_path), (entry(unix),)) == ()


class TestDown:
    @pytest.mark.parametrize(
        ("applied", "to", "chosen"),
        [
            ((1, 2, 3), None, [3]),
            ((1,), None, [1]),
            ((), None, []),
            ((1, 2, 3), "1", [3, 2]),
            ((1, 2, 3), "3", []),
            ((1, 2, 3), "0", [3, 2, 1]),
            ((1, 2, 3), "0000", [3, 2, 1]),
        ],
    )
    def test_what_is_taken_back_newest_first(
        self, applied: tuple[int, ...], to: str | None, chosen: list[int]
    ) -> None:
        found = choose.to_take_back(folder(FILES), entries(*applied), to)
        assert [made.number for made in found] == chosen

    def test_a_migration_of_number_zero_can_stay(self) -> None:
        zero = table(0)
        found = choose.to_take_back(folder([zero, *FILES]), (entry(zero), *entries(1)), "0")
        assert names(found) == ["0001_t1"]

    def test_a_stop_that_is_not_applied(self) -> None:
        with pytest.raises(UsageError, match=r"0004_t4.sql is not applied"):
            choose.to_take_back(folder(FILES), entries(1, 2), "4")

    def test_without_a_rollback(self) -> None:
        bare = migration("0002_t2", FILES[1].script.text)
        with pytest.raises(UsageError, match=r"0002_t2.sql has no rollback") as caught:
            choose.to_take_back(folder([FILES[0], bare]), entries(1, 2), "0")
        assert "write migrations/rollback/0002_t2.sql" in caught.value.hint

    def test_past_what_was_adopted(self) -> None:
        applied = (entry(FILES[0], "baseline"), *entries(2))
        assert names(choose.to_take_back(folder(FILES), applied, "1")) == ["0002_t2"]
        with pytest.raises(UsageError, match="0001_t1 was adopted 2026") as caught:
            choose.to_take_back(folder(FILES), applied, "0")
        assert "--to 0001" in caught.value.hint

    def test_edited_gone_and_unfinished_ones_are_refused(self) -> None:
        edited = migration("0002_t2", "SELECT 1;", "SELECT 1;")
        with pytest.raises(UsageError, match="edited"):
            choose.to_take_back(folder([FILES[0], edited]), entries(1, 2))
        with pytest.raises(UsageError, match="is gone"):
            choose.to_take_back(folder(FILES[:1]), entries(1, 2))
        with pytest.raises(UsageError, match="may be done or not"):
            choose.to_take_back(folder(FILES), (entry(FILES[0], "applying"),))

    def test_only_what_would_go_is_looked_at(self) -> None:
        edited = migration("0001_t1", "SELECT 1;")
        assert names(choose.to_take_back(folder([edited, *FILES[1:]]), entries(1, 2))) == [
            "0002_t2"
        ]
