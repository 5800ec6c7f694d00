"""redis.conf: what a server makes of it, and finding what differs."""

from __future__ import annotations

import socket
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.redis.conftest import Instance, Launch

from rfdata.config.load import parse_settings
from rfdata.model.facts import Server
from rfdata.model.plan import SetRedisSetting
from rfdata.redis import actions, probes
from rfdata.redis.client import Refused
from rfdata.redis.settings import Desired, desired, differences, normal, quoted, render


def wanted(instance: Instance) -> Mapping[str, Desired]:
    return desired(instance.config, instance.server, instance.paths)


def live(instance: Instance) -> dict[str, str]:
    with instance.session() as line:
        return line.pairs("CONFIG", "GET", "*")


@pytest.mark.parametrize("server", ["redis", "redis-durable"])
@pytest.mark.parametrize("name", ["plain", 'Müllers "Daten" & \\ mehr', "zwei\nZeilen\t'"])
def test_a_server_with_the_rendered_file_differs_in_nothing(
    launch: Launch, server: Server, name: str
) -> None:
    instance = launch(server, name=name)
    assert differences(wanted(instance), live(instance)) == ()


def test_it_listens_on_both_kinds_of_addresses(launch: Launch) -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("this machine has no IPv6")
    instance = launch(settings='listen_addresses = ["127.0.0.1", "::1"]')
    assert differences(wanted(instance), live(instance)) == ()
    six = replace(instance.login("default"), host="::1")
    assert probes.login(six, 2.0).accepted
    assert not probes.plaintext(six, 2.0).accepted


def test_each_setting_reaches_a_running_server_as_it_says(running: Instance) -> None:
    """`set` is taken by CONFIG SET, `restart` is refused by it."""
    refused = set()
    with running.session() as line:
        for name, setting in wanted(running).items():
            try:
                line.call("CONFIG", "SET", name, setting.value)
            except Refused:
                refused.add(name)
    assert refused == {n for n, setting in wanted(running).items() if setting.effect == "restart"}


def test_a_terabyte_is_told_in_gigabytes(launch: Launch) -> None:
    limits = '[redis.limits]\nmemory = "3TB"\n[redis_durable.limits]\nmemory = "3TB"\n'
    text = f'[redis]\nmaxmemory = "2TB"\n{limits}'
    config = launch(start=False).config
    settings = parse_settings(text, Path("rfdata.toml"))
    paths = launch(start=False).paths
    found = desired(replace(config, settings=settings), "redis", paths)
    assert found["maxmemory"].value == "2048GB"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("maxmemory", "100mb"),
        ("maxmemory-policy", "volatile-ttl"),
        ("save", ""),
        ("appendfsync", "no"),
        ("client-output-buffer-limit", "pubsub 0 0 0"),
        ("bind", "127.0.0.1 ::1"),
        ("tls-protocols", "TLSv1.3"),
        ("slowlog-log-slower-than", "-1"),
    ],
)
def test_a_change_by_hand_is_found_and_set_back(running: Instance, name: str, value: str) -> None:
    with running.session() as line:
        line.call("CONFIG", "SET", name, value)
    (change,) = differences(wanted(running), live(running))
    assert change.name == name
    assert change.effect == "set"
    actions.change_setting(
        running.login(), SetRedisSetting(running.server, change.name, change.after)
    )
    assert differences(wanted(running), live(running)) == ()


def test_a_setting_that_the_server_does_not_know_is_a_difference() -> None:
    (change,) = differences({"appendonly": Desired("yes", "why", "set")}, {})
    assert (change.before, change.after) == ("", "yes")


def test_the_two_servers_keep_different_promises(launch: Launch) -> None:
    cache, durable = (launch(server, start=False) for server in ("redis", "redis-durable"))
    assert wanted(cache)["maxmemory-policy"].value == "allkeys-lru"
    assert wanted(cache)["appendfsync"].value == "everysec"
    assert wanted(durable)["maxmemory-policy"].value == "noeviction"
    assert wanted(durable)["appendfsync"].value == "always"


def test_systemd_keeps_the_server_in_the_foreground(launch: Launch) -> None:
    instance = launch(start=False)
    settings = wanted(replace(instance, paths=replace(instance.paths, supervised=True)))
    assert (settings["daemonize"].value, settings["supervised"].value) == ("no", "systemd")


def test_no_file_of_a_server_holds_a_password(launch: Launch) -> None:
    instance = launch()
    with instance.session("default") as line:
        line.call("SET", "key", "value")
    passwords = [secret.reveal().encode() for secret in instance.config.env.values()]
    files = [path for path in instance.config.directory.rglob("*") if path.is_file()]
    assert instance.conf in files
    assert instance.paths.log in files
    for path in files:
        content = path.read_bytes()
        assert not any(password in content for password in passwords), path
    assert stat.S_IMODE(instance.conf.stat().st_mode) == 0o600


def test_every_setting_says_why(launch: Launch) -> None:
    instance = launch(start=False)
    text = render(wanted(instance))
    for name, setting in wanted(instance).items():
        assert setting.why
        assert f"# {setting.why}\n{name} " in text


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("maxmemory", "1GB", "1073741824"),
        ("maxmemory", "1g", "1000000000"),
        ("auto-aof-rewrite-min-size", "64mb", "67108864"),
        ("maxmemory-clients", "20%", "20%"),
        ("save", "3600  1 ", "3600 1"),
        (
            "client-output-buffer-limit",
            "pubsub 32mb 8mb 60 normal 0 0 0",
            "normal 0 0 0 pubsub 33554432 8388608 60",
        ),
        ("tls-protocols", "TLSv1.3 TLSv1.2", "TLSv1.2 TLSv1.3"),
        ("appendonly", "YES", "yes"),
    ],
)
def test_values_that_mean_the_same_are_the_same(name: str, one: str, other: str) -> None:
    assert normal(name, one) == normal(name, other)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [("dir", "/srv/A", "/srv/a"), ("maxmemory", "1gb", "1g"), ("bind", "::1", "127.0.0.1")],
)
def test_values_that_differ_differ(name: str, one: str, other: str) -> None:
    assert normal(name, one) != normal(name, other)


def test_words_are_quoted_only_where_they_must_be() -> None:
    assert quoted("/srv/redis.conf") == "/srv/redis.conf"
    assert quoted("") == '""'
    assert quoted("a b") == '"a b"'
