"""Facts of a live server, of one that is down, and of someone else's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.redis.conftest import Instance, Launch

from rfdata import readings
from rfdata.config.load import Config
from rfdata.model.facts import RedisFacts, Server, paths
from rfdata.redis import facts
from rfdata.redis.settings import desired, differences
from rfdata.secrets import Secret

NEVER = {"probes.foreign_network"}


def gather(config: Config, server: Server, port: int, log: Path | None) -> RedisFacts:
    chains = facts.chains(config, server, "127.0.0.1", port, log)
    return facts.build(readings.take(chains, 5.0), server)


def of(instance: Instance) -> RedisFacts:
    return gather(instance.config, instance.server, instance.port, instance.paths.log.parent)


def external(instance: Instance, *, user: str, scheme: str = "rediss") -> Config:
    """The same server as someone else would run it: only a URL and a CA are known."""
    variable = {"default": "REDIS_PASSWORD", "monitor": "REDIS_MONITOR_PASSWORD"}[user]
    password = quote(instance.config.env[variable].reveal(), safe="")
    name = "" if user == "default" else user
    deployment = instance.config.settings.deployment.model_copy(update={"target": "external"})
    return replace(
        instance.config,
        settings=instance.config.settings.model_copy(update={"deployment": deployment}),
        env={
            "REDIS_URL": Secret(f"{scheme}://{name}:{password}@127.0.0.1:{instance.port}/0"),
            "TLS_CA_FILE": Secret(str(instance.config.ca_file)),
        },
    )


@pytest.mark.parametrize("server", ["redis", "redis-durable"])
def test_a_live_server_is_read_whole(launch: Launch, server: Server) -> None:
    instance = launch(server)
    found = of(instance)
    unread = {path for path, fact in paths(found).items() if not fact.known}
    assert unread == NEVER
    assert found.info.value["redis_version"].startswith("7.")
    assert found.info.value["aof_enabled"] == "1"
    assert found.databases.value == {0, 1}
    assert set(found.acl.value) == {"default", "admin", "monitor"}
    assert [file.name for file in found.log.value.files] == ["redis.log"]
    assert found.log.value.startup_errors == ()
    settings = desired(instance.config, server, instance.paths)
    assert differences(settings, found.settings.value) == ()


def test_a_server_that_is_down_is_unread_but_for_its_log(launch: Launch) -> None:
    instance = launch()
    instance.kill()
    found = paths(of(instance))
    assert {path for path, fact in found.items() if fact.known} == {"log"}
    assert all(
        "refused" in (found[f"probes.{kind}"].trouble or "") for kind in ("login", "old_tls")
    )


def test_no_fact_holds_a_secret(launch: Launch) -> None:
    instance = launch()
    shown = repr(of(instance))
    assert "protected-mode" in shown
    for secret in instance.config.env.values():
        assert secret.reveal() not in shown
    assert not facts.SECRET_SETTINGS & set(of(instance).settings.value)


def test_reading_changes_no_key(running: Instance) -> None:
    of(running)
    with running.session() as line:
        assert line.call("DBSIZE") == 0


def test_a_user_who_may_not_enter_database_one_is_noticed(launch: Launch) -> None:
    instance = launch(extra="\ndatabases 1\n")
    assert of(instance).databases.value == {0}


def test_someone_elses_server_is_read_as_far_as_its_user_may(running: Instance) -> None:
    found = gather(external(running, user="default"), "redis", 1, None)
    assert found.info.known
    assert found.probes.login.value.accepted
    assert not found.probes.wrong_password.value.accepted
    assert found.databases.value == {0, 1}
    assert "permission" in (found.settings.trouble or "")
    assert "permission" in (found.acl.trouble or "")
    assert "someone else" in (found.log.trouble or "")


def test_someone_elses_named_user_logs_in_by_name(running: Instance) -> None:
    found = gather(external(running, user="monitor"), "redis", 1, None)
    assert found.settings.known
    assert found.probes.login.value.accepted
    assert found.databases.value == frozenset()


def test_without_a_url_everything_says_so(running: Instance) -> None:
    found = paths(gather(external(running, user="default"), "redis-durable", 1, None))
    assert not any(fact.known for fact in found.values())
    assert "REDIS_DURABLE_URL is not in .env" in (found["info"].trouble or "")


def test_a_plaintext_url_against_a_tls_server_is_no_login(running: Instance) -> None:
    found = gather(external(running, user="default", scheme="redis"), "redis", 1, None)
    assert not found.info.known
    assert not found.probes.login.known
    assert not found.probes.plaintext.value.accepted
