"""One query by hand: the same rows as the client library gets, and no answer where there is none."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from tests.postgres.conftest import Cluster

from rfdata.errors import Unreachable
from rfdata.postgres.peer import ask

QUERY = "SELECT n, nullif(n, 2), repeat('é', n * 40000) FROM generate_series(1, 3) AS n"


def path(cluster: Cluster) -> str:
    return str(cluster.paths.socket / f".s.PGSQL.{cluster.port}")


def test_rows_are_those_of_the_client_library(cluster: Cluster) -> None:
    known = [
        tuple(None if value is None else str(value) for value in row)
        for row in cluster.run_sql(QUERY)
    ]
    assert ask(path(cluster), "postgres", "postgres", QUERY, 5) == known
    assert ask(path(cluster), "postgres", "postgres", "SELECT 1 WHERE false", 5) == []


@pytest.mark.parametrize(
    ("user", "database", "query"),
    [
        ("postgres", "postgres", "SELECT 1 / 0"),
        ("postgres", "postgres", "SELECT FROM nowhere"),
        ("postgres", "nowhere", "SELECT 1"),
        ("researchflow_user", "postgres", "SELECT 1"),
    ],
)
def test_what_the_server_refuses_is_no_answer(
    cluster: Cluster, user: str, database: str, query: str
) -> None:
    with pytest.raises(Unreachable, match="refused"):
        ask(path(cluster), user, database, query, 5)


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=str(tmp_path)):
        ask(str(tmp_path / "socket"), "postgres", "postgres", "SELECT 1", 5)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400", b"R\0\0\0\x08\0\0\0\x03"])
def test_what_is_no_postgresql_or_wants_a_password_is_no_answer(
    tmp_path: Path, said: bytes
) -> None:
    place = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen()

        def answer() -> None:
            with listener.accept()[0] as stream:
                stream.recv(1000)
                stream.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Unreachable):
            ask(place, "postgres", "postgres", "SELECT 1", 5)
        thread.join()
