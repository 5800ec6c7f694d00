"""The planner: nothing for a layer that is as desired, exactly the right step for each difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plan.settled import changed, plan, settled_config, settled_facts

from rfdata.config.load import Config
from rfdata.errors import Unreachable, UsageError
from rfdata.model.facts import (
    SERVERS,
    AclUser,
    Facts,
    FileState,
    Privilege,
    Server,
    Watch,
    paths,
    without,
)
from rfdata.model.plan import (
    AlterRole,
    CreateDatabase,
    CreateExtension,
    InitDatabase,
    IssueAuthority,
    IssueCertificate,
    MakeDirectory,
    Plan,
    ReloadServer,
    ResetSetting,
    RestartServer,
    Revoke,
    SetAccess,
    SetLimits,
    SetPassword,
    SetRedisSetting,
    StartServer,
    StartWatch,
    WriteFile,
)

CONFIG = settled_config(Path("/srv/deployment"))
FACTS = settled_facts(CONFIG)


def actions(found: Plan) -> list[type]:
    return [type(step.action) for step in found.steps]


def test_a_layer_that_is_as_desired_needs_nothing() -> None:
    assert plan(CONFIG, FACTS).steps == ()


@dataclass(frozen=True)
class Difference:
    """One fact that reads otherwise, and all that it should lead to."""

    path: str
    change: Callable[[Any], Any]
    wanted: list[type]

    def __str__(self) -> str:
        return f"{self.path} -> {', '.join(found.__name__ for found in self.wanted)}"


def having(**values: Any) -> Callable[[Any], Any]:
    return lambda found: replace(found, **values)


def entry(name: str, change: Callable[[Any], Any]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda found: {**found, name: change(found[name])}


def less(name: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda found: {key: value for key, value in found.items() if key != name}


def always(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


def a_file(ending: str, change: Callable[[FileState], FileState]) -> Callable[[Any], Any]:
    def do(files: Mapping[str, FileState]) -> dict[str, FileState]:
        name = next(path for path in files if path.endswith(ending))
        return {**files, name: change(files[name])}

    return do


GONE = FileState(exists=False)
EXTRA = Privilege("schema", "public", "CREATE", "PUBLIC")

DIFFERENCES = [
    Difference("deployment.files", a_file("redis/conf", always(GONE)), [MakeDirectory]),
    Difference("deployment.files", a_file("redis/conf", having(mode=0o777)), [SetAccess]),
    Difference("deployment.files", a_file("redis/conf", having(user="root")), [SetAccess]),
    Difference(
        "deployment.files",
        a_file("redis/conf/users.acl", having(sha256="0" * 64)),
        [WriteFile, ReloadServer],
    ),
    Difference(
        "deployment.files", a_file("redis/conf/redis.conf", having(sha256="0" * 64)), [WriteFile]
    ),
    Difference(
        "deployment.files",
        a_file("pg_hba.conf", having(sha256="0" * 64, text="host all all all trust\n")),
        [WriteFile, ReloadServer],
    ),
    Difference("certs.ca_key", having(mode=0o644), [SetAccess]),
    Difference("certs.keys.redis", having(mode=0o644), [SetAccess]),
    Difference("certs.keys.postgres", always(GONE), [IssueCertificate, ReloadServer]),
    Difference("certs.on_disk.redis", having(issued_by_ca=False), [IssueCertificate, ReloadServer]),
    Difference(
        "certs.on_disk.postgres", having(names=frozenset()), [IssueCertificate, ReloadServer]
    ),
    Difference("certs.served.redis-durable", having(fingerprint="other"), [ReloadServer]),
    Difference("host.limits.redis", having(cpus=None), [SetLimits]),
    Difference("host.processes.redis-durable", always("stopped"), [StartServer]),
    Difference("host.processes.postgres", always("stopped"), [StartServer]),
    Difference("host.watch", having(by="nobody", alive=False, current=False), [StartWatch]),
    Difference("host.watch", having(current=False), [StartWatch]),
    Difference("redis.settings", entry("maxmemory", always("1")), [SetRedisSetting]),
    Difference("redis.settings", entry("databases", always("1")), [RestartServer]),
    Difference("redis.acl", less("monitor"), [ReloadServer]),
    Difference("redis.acl", entry("default", having(no_password=True)), [ReloadServer]),
    Difference(
        "redis_durable.acl",
        lambda found: {**found, "guest": AclUser(True, True, False, "~* +@all")},
        [ReloadServer],
    ),
    Difference(
        "postgres.settings",
        entry("log_min_duration_statement", having(value="7000", unit="ms")),
        [ReloadServer],
    ),
    Difference(
        "postgres.settings",
        entry("max_connections", having(value="100", context="postmaster")),
        [RestartServer],
    ),
    Difference(
        "postgres.config_errors", always(("pg_hba.conf, line 1: nonsense",)), [ReloadServer]
    ),
    Difference("postgres.roles", entry("researchflow_user", having(superuser=True)), [AlterRole]),
    Difference(
        "postgres.roles", entry("researchflow_user", having(password_matches=False)), [SetPassword]
    ),
    Difference("postgres.privileges", lambda found: found | {EXTRA}, [Revoke]),
    Difference("postgres.extensions", less("vector"), [CreateExtension]),
]


@pytest.mark.parametrize("difference", DIFFERENCES, ids=str)
def test_each_difference_leads_to_its_steps_and_no_others(difference: Difference) -> None:
    before = paths(FACTS)[difference.path].value
    facts = changed(FACTS, difference.path, difference.change(before))
    assert actions(plan(CONFIG, facts)) == difference.wanted


def test_alter_system_is_taken_back_before_the_reload() -> None:
    settings = FACTS.postgres.settings.value
    name = "log_min_duration_statement"
    override = replace(settings[name], value="7000", unit="ms", altered=True)
    facts = changed(FACTS, "postgres.settings", {**settings, name: override})
    assert actions(plan(CONFIG, facts)) == [ResetSetting, ReloadServer]


def fresh() -> Facts:
    """A host on which nothing was ever done."""
    facts = FACTS
    for path, value in (
        ("deployment.files", {}),
        ("host.data.postgres", GONE),
        ("certs.ca_key", GONE),
        ("host.users", frozenset()),
        *(
            (f"host.processes.{server}", "stopped")
            for server in ("postgres", "redis", "redis-durable")
        ),
        *((f"certs.keys.{server}", GONE) for server in ("postgres", "redis", "redis-durable")),
    ):
        facts = changed(facts, path, value)
    for path in paths(facts):
        if path.startswith(
            ("postgres.", "redis.", "redis_durable.", "certs.served", "certs.on_disk")
        ):
            facts = without(facts, path, "nothing is there")
    watch = replace(FACTS.host.watch.value, by="nobody", alive=False, current=False)
    return changed(without(facts, "certs.ca", "no such file"), "host.watch", watch)


def test_on_a_fresh_host_every_step_comes_after_what_it_needs() -> None:
    steps = plan(CONFIG, fresh()).steps
    kinds = [type(step.action) for step in steps]
    order = [
        MakeDirectory, IssueAuthority, IssueCertificate, InitDatabase, StartServer, CreateDatabase,
        CreateExtension, SetPassword, StartWatch,
    ]  # fmt: skip
    firsts = [kinds.index(kind) for kind in order]
    assert firsts == sorted(firsts)
    data = [
        n for n, step in enumerate(steps) if str(getattr(step.action, "path", "")).endswith(".conf")
    ]
    starts = [n for n, kind in enumerate(kinds) if kind is StartServer]
    assert max(data) < max(starts)
    assert kinds.count(IssueCertificate) == kinds.count(StartServer) == 3


def test_lanes_hold_every_step_once_and_in_order() -> None:
    found = plan(CONFIG, fresh())
    laned = [step for stage in found.lanes for lane in stage for step in lane]
    assert sorted(map(id, laned)) == sorted(map(id, found.steps))
    place, servers, inside = found.lanes
    assert {step.lane for lane in servers for step in lane} == {
        "postgres",
        "redis",
        "redis-durable",
    }
    assert {step.lane for lane in inside for step in lane} == {"postgres", "watch"}
    for lane in servers:
        assert isinstance(lane[0].action, IssueCertificate)
        assert isinstance(lane[-1].action, StartServer)
    assert all(step.lane == "" for lane in place for step in lane)


@pytest.mark.parametrize(
    "path",
    [
        "deployment.files", "host.users", "host.processes.redis", "host.watch", "postgres.settings",
        "postgres.roles", "redis.acl", "certs.ca_key", "certs.keys.redis",
    ],
)  # fmt: skip
def test_nothing_is_planned_from_what_could_not_be_read(path: str) -> None:
    with pytest.raises(Unreachable):
        plan(CONFIG, without(FACTS, path, "permission denied"))


def test_a_redis_that_lets_rfdata_in_no_more_is_restarted() -> None:
    facts = without(FACTS, "redis.settings", "the server refused: WRONGPASS")
    with pytest.raises(Unreachable):
        plan(CONFIG, facts)
    assert actions(plan(CONFIG, changed(facts, "redis.admitted", False))) == [RestartServer]


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_still_listens_on_an_older_port_is_restarted(server: Server) -> None:
    settings = CONFIG.settings
    port = {
        "postgres": settings.postgres.port,
        "redis": settings.redis.port,
        "redis-durable": settings.redis_durable.port,
    }[server]
    there = FACTS.host.listeners.value
    moved = tuple(listener for listener in there if listener.port != port)
    facts = changed(FACTS, "host.listeners", moved)
    facts = (
        without(facts, "postgres.settings", "connection refused") if server == "postgres" else facts
    )
    assert actions(plan(CONFIG, facts)) == [RestartServer]


def test_what_only_a_new_cluster_can_have_is_refused_with_its_name() -> None:
    settings = FACTS.postgres.settings.value
    name = next(iter(settings))
    fixed = replace(settings[name], value="something else", context="internal")
    with pytest.raises(UsageError, match=name):
        plan(CONFIG, changed(FACTS, "postgres.settings", {**settings, name: fixed}))


@pytest.mark.parametrize(("days", "wanted"), [(31, []), (30, [IssueCertificate, ReloadServer])])
def test_a_certificate_is_renewed_once_it_is_due(days: int, wanted: list[type]) -> None:
    due = replace(
        FACTS.certs.on_disk["redis"].value, not_after=FACTS.gathered_at + timedelta(days=days)
    )
    facts = changed(changed(FACTS, "certs.on_disk.redis", due), "certs.served.redis", due)
    assert actions(plan(CONFIG, facts)) == wanted


def test_a_ca_that_is_due_is_renewed() -> None:
    due = replace(FACTS.certs.ca.value, not_after=FACTS.gathered_at + timedelta(days=9))
    assert actions(plan(CONFIG, changed(FACTS, "certs.ca", due))) == [IssueAuthority]


def test_a_port_that_changed_in_the_toml_is_derived_into_env() -> None:
    config = settled_config(Path("/srv/deployment"))
    moved = config.settings.model_copy(
        update={"postgres": config.settings.postgres.model_copy(update={"port": 6000})}
    )
    found = plan(Config(config.directory, moved, config.env, config.env_text), FACTS)
    env = [step for step in found.steps if "bring .env in line" in step.summary]
    assert len(env) == 1
    assert "POSTGRES_PORT, DATABASE_URL" in env[0].summary


@given(st.data())
def test_other_facts_give_another_digest_and_the_same_facts_the_same(data: st.DataObject) -> None:
    one, other = (data.draw(st.sampled_from(DIFFERENCES)) for _ in range(2))
    plans = [
        plan(CONFIG, changed(FACTS, d.path, d.change(paths(FACTS)[d.path].value)))
        for d in (one, other, one)
    ]
    assert plans[0].digest == plans[2].digest
    assert (plans[0].digest == plans[1].digest) == (plans[0].steps == plans[1].steps)


def test_no_step_tells_a_secret() -> None:
    secrets = [value.reveal() for value in CONFIG.env.values() if len(value) > 20]
    for step in plan(CONFIG, fresh()).steps:
        told = "\n".join((step.summary, step.reversal, *step.detail, repr(step)))
        assert not [secret for secret in secrets if secret in told]


def test_the_watch_fact_is_complete() -> None:
    assert isinstance(FACTS.host.watch.value, Watch)
