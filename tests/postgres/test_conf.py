"""What we write into postgresql.conf is what PostgreSQL reads out of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfdata.postgres.conf import Desired, list_value, quote, render, split_list
from rfdata.runtime.find import find_postgres
from rfdata.shell import Command, run

PATHS = [
    "/srv/plain",
    "/srv/with spaces",
    "/srv/comma, and more",
    "/srv/it's",
    '/srv/"quoted"',
    "/srv/back\\slash\\n",
    "/srv/Größe/研究",
    "/srv/#hash = 'x'",
]


def as_postgres_reads(tmp_path: Path, conf: str, name: str) -> str:
    path = tmp_path / "postgresql.conf"
    path.write_text(conf + "hba_file = '/dev/null'\nident_file = '/dev/null'\n", encoding="utf-8")
    program = str(find_postgres().bin / "postgres")
    command = (program, "-C", name, "-c", f"config_file={path}", "-c", "data_directory=/tmp")
    return run(Command(command)).stdout.removesuffix("\n")


@pytest.mark.parametrize("path", PATHS)
def test_postgres_reads_back_a_quoted_value(tmp_path: Path, path: str) -> None:
    conf = render({"log_directory": Desired(path, "Because.")})
    assert as_postgres_reads(tmp_path, conf, "log_directory") == path


def test_postgres_reads_back_a_list_of_paths(tmp_path: Path) -> None:
    conf = render({"unix_socket_directories": Desired(list_value(PATHS), "Because.")})
    value = as_postgres_reads(tmp_path, conf, "unix_socket_directories")
    assert split_list(value) == tuple(PATHS)


def test_every_why_is_a_comment_and_nothing_else_is() -> None:
    long = "A reason that is so long that it has to be broken into several lines of the file. " * 3
    text = render({"a": Desired("1", long), "b": Desired("x'y", "Short.")})
    rest = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert rest == ["a = '1'", "b = 'x''y'"]
    assert all(len(line) <= 100 for line in text.splitlines())


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"]))))
def test_lists_survive(elements: list[str]) -> None:
    assert split_list(list_value(elements)) == tuple(elements)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_a_quoted_value_can_not_end_early(value: str) -> None:
    inner = quote(value)[1:-1]
    assert "'" not in inner.replace("''", "")
    assert not (len(inner) - len(inner.rstrip("\\"))) % 2


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("", ()),
        ("a", ("a",)),
        ("a,b", ("a", "b")),
        (" a , b ", ("a", "b")),
        ('"a,b"', ("a,b",)),
        ('"a""b", c', ('a"b', "c")),
        ('"open', ("open",)),
    ],
)
def test_lists_as_people_write_them(text: str, elements: tuple[str, ...]) -> None:
    assert split_list(text) == elements
