"""Changing a server that has clients and data: nobody is cut off, nothing is lost."""

from __future__ import annotations

import signal
from dataclasses import replace
from os import kill
from pathlib import Path

import pytest
from tests.redis.conftest import TIMEOUT, USER, Instance, Launch, alive

from rfdata import files
from rfdata.errors import ChangeFailed, Unreachable
from rfdata.files import Owner
from rfdata.model.plan import SetRedisSetting
from rfdata.redis import acl, actions
from rfdata.redis.client import Refused, Session, session
from rfdata.redis.instance import USERS, User, password
from rfdata.secrets import Secret, generate
from rfdata.tls import authority, certificates


def served(instance: Instance) -> str:
    ca = instance.config.ca_file
    return certificates.live("127.0.0.1", instance.port, TIMEOUT, ca).fingerprint


def renew(instance: Instance) -> None:
    authority.issue_certificate(
        instance.config.directory / "certs",
        instance.paths.tls,
        ("localhost", "127.0.0.1"),
        10,
        Owner.named(USER),
    )


def write_acl(instance: Instance, passwords: dict[User, Secret]) -> None:
    files.write(instance.paths.acl, acl.render(passwords), mode=0o600, owner=Owner.named(USER))


def passwords(instance: Instance) -> dict[User, Secret]:
    return {user: password(instance.config, instance.server, user) for user in USERS}


def ours(instance: Instance) -> bool:
    path = instance.paths.certificate
    return served(instance) == certificates.read(path).fingerprint


def ping(line: Session) -> str:
    return str(line.call("PING"))


def test_a_renewed_certificate_is_served_and_every_connection_lives(launch: Launch) -> None:
    instance = launch()
    before = served(instance)
    with (
        instance.session("default") as app,
        instance.session("monitor") as monitor,
        instance.session("admin") as admin,
    ):
        renew(instance)
        assert served(instance) == before
        actions.reload(instance.login(), instance.paths)
        assert served(instance) != before
        assert ours(instance)
        assert [ping(app), ping(monitor), ping(admin)] == ["PONG"] * 3
    with instance.session("default") as app:
        assert ping(app) == "PONG"


def test_a_reload_without_anything_new_changes_nothing(launch: Launch) -> None:
    instance = launch()
    before = served(instance)
    with instance.session("admin") as line:
        for _ in range(3):
            actions.reload(instance.login(), instance.paths)
        assert ping(line) == "PONG"
    assert served(instance) == before


def test_a_pair_that_does_not_match_is_refused_and_the_old_one_stays(launch: Launch) -> None:
    instance = launch()
    before = served(instance)
    generation = authority.current(instance.paths.tls)
    assert generation is not None
    key = authority.issue_certificate(
        instance.config.directory / "certs", instance.paths.tls, ("x",), 10, Owner.named(USER)
    )
    files.write(
        key / "server.key",
        (generation / "server.key").read_bytes(),
        mode=0o600,
        owner=Owner.named(USER),
    )
    with pytest.raises(ChangeFailed, match="tls"):
        actions.reload(instance.login(), instance.paths)
    assert served(instance) == before


def test_a_new_password_holds_for_the_next_login_and_the_app_stays_connected(
    launch: Launch,
) -> None:
    instance = launch()
    new = generate()
    with instance.session("default") as app:
        write_acl(instance, passwords(instance) | {"default": new})
        actions.reload(instance.login(), instance.paths)
        assert ping(app) == "PONG"
    with pytest.raises(Unreachable), instance.session("default"):
        pass
    with session(replace(instance.login("default"), password=new), TIMEOUT) as app:
        assert ping(app) == "PONG"


def test_users_made_by_hand_go_with_the_next_reload(launch: Launch) -> None:
    instance = launch()
    with instance.session() as line:
        line.call("ACL", "SETUSER", "guest", "on", "nopass", "~*", "+get")
    actions.reload(instance.login(), instance.paths)
    with instance.session() as line:
        assert sorted(line.call("ACL", "USERS")) == sorted(USERS)


def test_a_broken_acl_file_is_refused_and_the_old_users_stay(launch: Launch) -> None:
    instance = launch()
    files.write(
        instance.paths.acl, "user default on nonsense\n", mode=0o600, owner=Owner.named(USER)
    )
    with pytest.raises(ChangeFailed) as caught:
        actions.reload(instance.login(), instance.paths)
    assert caught.value.hint
    with instance.session("default") as app:
        assert ping(app) == "PONG"


def test_a_setting_that_redis_refuses_is_told(running: Instance) -> None:
    with pytest.raises(ChangeFailed, match="maxmemory"):
        actions.change_setting(
            running.login(), SetRedisSetting(running.server, "maxmemory", "much")
        )


@pytest.mark.parametrize("aof", ["yes", "no"])
def test_a_stop_loses_nothing_with_the_log_and_without(launch: Launch, aof: str) -> None:
    instance = launch(extra=f"\nappendonly {aof}\nappendfsync no\n")
    with instance.session("default") as app:
        app.call("MSET", *(word for n in range(500) for word in (f"k{n}", n)))
    actions.shut_down(instance.login())
    instance.wait_gone()
    instance.start()
    with instance.session("default") as app:
        assert app.call("DBSIZE") == 500


def test_a_log_switched_on_a_moment_ago_loses_nothing_either(launch: Launch) -> None:
    instance = launch(extra="\nappendonly no\n")
    with instance.session("admin") as line:
        line.call("MSET", *(word for n in range(500) for word in (f"k{n}", n)))
        line.call("CONFIG", "SET", "appendonly", "yes")
    actions.shut_down(instance.login())
    instance.wait_gone()
    replace(instance, extra="").write()
    instance.start()
    with instance.session("default") as app:
        assert app.call("DBSIZE") == 500


def test_a_stop_that_would_lose_data_is_refused(launch: Launch) -> None:
    instance = launch(extra="\nappendonly no\n")
    with instance.session("default") as app:
        app.call("SET", "k", "v")
    blocker = Path(instance.paths.data / "dump.rdb")
    files.make_directory(blocker, mode=0o700, owner=Owner.named(USER))
    files.write(blocker / "in-the-way", "")
    with pytest.raises(ChangeFailed, match="data would be lost"):
        actions.shut_down(instance.login())
    assert alive(instance.pid)


def test_durable_data_outlives_kill_nine(launch: Launch) -> None:
    """What was acknowledged is there again: appendfsync always."""
    instance = launch("redis-durable")
    with instance.session("default") as app:
        for n in range(200):
            app.call("XADD", "jobs", "*", "n", n)
        app.call("SELECT", 1)
        app.call("SET", "document", "text")
    kill(instance.pid, signal.SIGKILL)
    instance.wait_gone()
    instance.start()
    with instance.session("default") as app:
        assert app.call("XLEN", "jobs") == 200
        app.call("SELECT", 1)
        assert app.call("GET", "document") == "text"


def test_a_full_durable_server_refuses_instead_of_evicting(launch: Launch) -> None:
    durable = launch("redis-durable", settings='maxmemory = "4MB"')
    cache = launch("redis", settings='maxmemory = "4MB"')
    for instance, keeps in ((durable, True), (cache, False)):
        with instance.session("default") as app:
            app.call("SET", "first", "1")
            told = [_answer(app, f"k{n}") for n in range(400)]
            assert any("maxmemory" in answer for answer in told) is keeps
            lost = app.call("DBSIZE") < 1 + sum(answer == "OK" for answer in told)
            assert lost is not keeps


def _answer(app: Session, key: str) -> str:
    try:
        return str(app.call("SET", key, "x" * 20_000))
    except Refused as error:
        return error.message


def test_a_server_that_is_down_is_told_as_such(launch: Launch) -> None:
    instance = launch(start=False)
    with pytest.raises(Unreachable, match="refused"):
        actions.reload(instance.login(), instance.paths)
    with pytest.raises(Unreachable, match="refused"):
        actions.shut_down(instance.login())
