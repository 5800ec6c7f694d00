"""A new migration: three files with the next number, which nobody can run before they are filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from rfdata.errors import UsageError
from rfdata.migrations.examine import examine
from rfdata.migrations.folder import read_folder
from rfdata.migrations.lint import lint
from rfdata.migrations.new import nearest, new


def names(paths: tuple[Path, ...], root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in paths]


def test_the_first_has_four_digits(tmp_path: Path) -> None:
    assert names(new(tmp_path, "add_users"), tmp_path) == [
        "0001_add_users.sql",
        "rollback/0001_add_users.sql",
        "verify/0001_add_users.sql",
    ]
    assert names(new(tmp_path, "b"), tmp_path)[0] == "0002_b.sql"


@pytest.mark.parametrize(
    ("last", "following"),
    [
        ("0041_a", "0042_b"),
        ("9_a", ""),
        ("099_a", "100_b"),
        ("20240131120000_a", "20240131120001_b"),
    ],
)
def test_the_next_number_has_the_width_of_the_others(
    tmp_path: Path, last: str, following: str
) -> None:
    (tmp_path / f"{last}.sql").write_text("SELECT 1")
    if following:
        assert names(new(tmp_path, "b"), tmp_path)[0] == f"{following}.sql"
    else:
        with pytest.raises(UsageError, match="fits its width") as caught:
            new(tmp_path, "b")
        assert "2 digits" in caught.value.hint


def test_a_template_is_never_green(tmp_path: Path) -> None:
    new(tmp_path, "add_users")
    (migration,) = read_folder(tmp_path).migrations
    assert [(problem.rule, problem.severity) for problem in examine(migration)] == [
        ("empty", "error"),
        ("empty", "error"),
        ("empty", "error"),
    ]
    assert {problem.rule for problem in lint(tmp_path)} == {"empty"}


def test_a_template_that_is_filled_in_is_good(tmp_path: Path) -> None:
    for path, sql in zip(
        new(tmp_path, "add_users"),
        ("CREATE TABLE u (id uuid PRIMARY KEY);", "DROP TABLE u;", "SELECT true;"),
        strict=True,
    ):
        path.write_text(path.read_text() + sql)
    assert lint(tmp_path) == ()


BAD = {
    "Add Users": "add_users",
    "addUsers": "add_users",
    "0007_add_users.sql": "0007_add_users",
    "add-users": "add_users",
    "add__users_": "add_users",
    "../../etc/passwd": "etc_passwd",
    "größe": "gr_e",
    "": "add_something",
    "%": "add_something",
    "a\n": "a",
    "x" * 101: "x" * 100,
}


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_a_bad_name_is_refused_with_a_good_one(tmp_path: Path, bad: str) -> None:
    with pytest.raises(UsageError) as caught:
        new(tmp_path, bad)
    assert caught.value.hint == f"take {BAD[bad]}"
    assert nearest(bad) == BAD[bad]
    assert list(tmp_path.iterdir()) == []
    assert new(tmp_path, BAD[bad])


@pytest.mark.parametrize("others", [("0001_a", "0001_b"), ("0001_a", "02_b"), ("0001_a", "B")])
def test_numbers_in_disorder_are_refused(tmp_path: Path, others: tuple[str, str]) -> None:
    for name in others:
        (tmp_path / f"{name}.sql").write_text("SELECT 1")
    with pytest.raises(UsageError, match="which number comes next") as caught:
        new(tmp_path, "c")
    assert caught.value.hint
    assert len(list(tmp_path.iterdir())) == 2


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "rollback").mkdir()
    (tmp_path / "rollback" / "0001_a.sql").write_text("DROP TABLE a")
    with pytest.raises(UsageError, match="is there already"):
        new(tmp_path, "a")
    assert not (tmp_path / "0001_a.sql").exists()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="absent"):
        new(tmp_path / "absent", "a")
