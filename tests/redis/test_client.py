"""Connections: what they refuse, and that errors tell nothing secret."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.redis.conftest import TIMEOUT, Instance, free_port

from rfdata.errors import Unreachable
from rfdata.redis import client
from rfdata.redis.client import Login, Refused, parse_url
from rfdata.secrets import Secret, generate
from rfdata.tls import authority


def url(text: str) -> Login:
    return parse_url(Secret(text), "REDIS_URL", None)


def test_a_wrong_password_is_told_without_it(running: Instance) -> None:
    secret = generate()
    login = replace(running.login(), password=secret)
    with pytest.raises(Refused, match="the server refused") as caught, client.session(login, 1):
        pass
    assert secret.reveal() not in str(caught.value)
    assert secret.reveal() not in repr(login)


def test_a_server_that_another_ca_vouches_for_gets_no_password(
    running: Instance, tmp_path: Path
) -> None:
    authority.issue_authority(tmp_path, 10, "another", 1)
    login = replace(running.login(), ca_file=tmp_path / "ca.crt")
    with pytest.raises(Unreachable, match="certificate verify failed"), client.session(login, 1):
        pass


def test_nobody_there_is_told(running: Instance) -> None:
    login = replace(running.login(), port=free_port())
    with pytest.raises(Unreachable, match="refused"), client.session(login, 1):
        pass


def test_a_ca_that_is_missing_is_told(running: Instance, tmp_path: Path) -> None:
    login = replace(running.login(), ca_file=tmp_path / "ca.crt")
    with pytest.raises(Unreachable), client.session(login, 1):
        pass


def test_an_error_in_the_callers_own_code_stays_what_it_is(running: Instance) -> None:
    with pytest.raises(FileNotFoundError), client.session(running.login(), TIMEOUT):
        raise FileNotFoundError("mine")


def test_pairs_keep_names_and_values(running: Instance) -> None:
    with running.session() as line:
        assert line.pairs("CONFIG", "GET", "port") == {"port": "0"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rediss://:p%2Fw@h:1/2", ("h", 1, None, "p/w", True, 2)),
        ("redis://u:p@h", ("h", 6379, "u", "p", False, 0)),
        ("rediss://u%40x:p@[::1]:7/0", ("::1", 7, "u@x", "p", True, 0)),
        ("rediss://h:1", ("h", 1, None, None, True, 0)),
    ],
)
def test_urls_are_taken_apart(text: str, expected: tuple[object, ...]) -> None:
    login = url(text)
    password = login.password.reveal() if login.password is not None else None
    found = (login.host, login.port, login.user, password, login.tls, login.database)
    assert found == expected


@pytest.mark.parametrize(
    "text", ["http://:secret@h", "secret", "rediss://:secret@:1", "rediss://:secret@h:port/0", ""]
)
def test_what_is_no_url_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(Unreachable, match="not a Redis URL") as caught:
        url(text)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
