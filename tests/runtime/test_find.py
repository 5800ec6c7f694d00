from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rfdata.errors import ProgramMissing
from rfdata.runtime import find
from rfdata.runtime.find import find_postgres, find_redis
from rfdata.shell import Command, run

Fake = Callable[..., Path]


@pytest.fixture
def only_on_path(monkeypatch: pytest.MonkeyPatch, place: Path) -> Callable[[Path], None]:
    """Let a folder be all that this machine has installed."""

    def set_path(folder: Path) -> None:
        monkeypatch.setenv("PATH", str(folder))

    monkeypatch.setattr(find, "DEBIAN_BIN", place / "no Debian package")
    return set_path


def test_this_machine_has_a_postgres_that_runs() -> None:
    found = find_postgres()
    printed = run(Command((str(found.tool("postgres")), "--version"))).stdout
    assert f"(PostgreSQL) {found.version}" in printed
    assert found.version.startswith("16.")
    assert found.pgvector.startswith("0.")
    assert {"initdb", "pg_ctl", "psql", "pg_basebackup"} <= found.tools


def test_this_machine_has_a_redis_with_tls() -> None:
    found = find_redis()
    assert found.tls
    assert int(found.version.split(".")[0]) >= 7
    assert found.version in run(Command((str(found.server), "--version"))).stdout


def test_asking_redis_leaves_nothing_behind(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    find_redis()
    assert list(place.iterdir()) == []


def test_an_installed_one_wins_and_its_path_may_have_spaces(
    fake_postgres: Fake, only_on_path: Callable[[Path], None]
) -> None:
    folder = fake_postgres("16.9")
    only_on_path(folder)
    found = find_postgres()
    assert (found.bin, found.version, found.origin) == (folder, "16.9", "packaged")
    assert found.pgvector == "0.8.1"


@pytest.mark.parametrize(
    ("flaw", "reason"),
    [
        ({"version": "15.18"}, "is version 15.18, not 16"),
        ({"version": "17beta1"}, "is version 17beta1, not 16"),
        ({"openssl": False}, "built without OpenSSL"),
        ({"vector": False}, "has no pgvector"),
        ({"lacks": "psql"}, "has no psql"),
    ],
)
def test_an_installed_one_that_cannot_serve_is_passed_over_with_its_reason(
    flaw: dict[str, str | bool],
    reason: str,
    fake_postgres: Fake,
    only_on_path: Callable[[Path], None],
    place: Path,
) -> None:
    only_on_path(fake_postgres(**flaw))
    with pytest.raises(ProgramMissing) as raised:
        find_postgres(roots=[place / "nothing assembled"])
    assert reason in raised.value.message
    assert raised.value.hint == "run `rfdata runtime install`"


def test_the_reason_stays_with_the_one_that_serves_instead(
    fake_postgres: Fake, only_on_path: Callable[[Path], None], assembled_root: Path
) -> None:
    only_on_path(fake_postgres("15.2"))
    found = find_postgres(roots=[assembled_root])
    assert found.origin == "assembled"
    assert [reason for reason in found.passed_over if "15.2" in reason]


@pytest.fixture
def assembled_root() -> Path:
    root = find.default_roots()[0]
    if not list(root.glob("postgresql-16.*")):
        pytest.skip("this machine serves from packages; nothing is assembled")
    return root


def test_a_configured_one_is_refused_rather_than_replaced(fake_postgres: Fake) -> None:
    with pytest.raises(ProgramMissing, match=r"is version 15\.2, not 16") as raised:
        find_postgres(fake_postgres("15.2"))
    assert "rfdata.toml" in raised.value.hint


def test_a_configured_assembled_one_is_known_as_such(assembled_root: Path) -> None:
    folder = find_postgres(roots=[assembled_root]).bin
    assert find_postgres(folder).bin == folder


def test_a_missing_tool_is_named(fake_postgres: Fake) -> None:
    found = find_postgres(fake_postgres())
    with pytest.raises(ProgramMissing, match="has no pgbench"):
        found.tool("pgbench")


def test_a_folder_that_the_servers_cannot_enter_is_refused(
    fake_postgres: Fake, place: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root runs servers as other users")
    folder = fake_postgres()
    folder.parent.chmod(0o700)
    with pytest.raises(ProgramMissing, match="can't be entered by the servers' users"):
        find_postgres(folder)


@pytest.mark.parametrize(
    ("version", "tls", "reason"),
    [
        ("6.2.14", True, "is version 6.2.14, older than 7"),
        ("7.2.4", False, "built without TLS"),
    ],
)
def test_a_redis_that_cannot_serve_is_refused_with_its_reason(
    version: str, tls: bool, reason: str, fake_redis: Fake
) -> None:
    with pytest.raises(ProgramMissing, match=reason):
        find_redis(fake_redis(version, tls=tls))


def test_a_configured_redis_may_be_its_folder(fake_redis: Fake) -> None:
    server = fake_redis("8.0.2")
    found = find_redis(server.parent)
    assert (found.server, found.version, found.tls) == (server, "8.0.2", True)


def test_something_else_by_the_name_of_redis_is_refused() -> None:
    with pytest.raises(ProgramMissing, match="doesn't say that it is Redis"):
        find_redis(Path("/bin/true"))


def test_no_redis_at_all_names_the_command(
    only_on_path: Callable[[Path], None], place: Path
) -> None:
    only_on_path(place)
    with pytest.raises(ProgramMissing, match="no redis-server on this machine") as raised:
        find_redis()
    assert raised.value.hint == "run `rfdata runtime install`"
