"""The whole target: everything is read, every step converges, nothing secret is told."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from tests.targets.native.conftest import Deployment, make, quiet

from rfdata.config.env import SECRETS
from rfdata.errors import UsageError
from rfdata.model.facts import SERVERS, Facts, Process, paths
from rfdata.model.plan import (
    Action,
    CreateRole,
    CreateSystemUser,
    InitDatabase,
    IssueAuthority,
    IssueCertificate,
    MakeDirectory,
    ReloadServer,
    SetAccess,
    SetRedisSetting,
    StartServer,
    WriteFile,
)
from rfdata.plan.make import make_plan
from rfdata.redis.client import managed, session
from rfdata.targets.native.target import NativeTarget

BUILD = """
import sys
from pathlib import Path
from rfdata.config.load import load
from rfdata.plan.make import make_plan
from rfdata.targets.native.target import NativeTarget
for _ in range(4):
    config = load(Path(sys.argv[1]))
    target = NativeTarget(config)
    facts = target.gather(config)
    plan = make_plan(config, target.desired(config, facts), facts)
    for step in plan.steps:
        target.execute(config, step.action, lambda _: None)
    if plan.empty:
        break
else:
    sys.exit(1)
"""


def build(deployment: Deployment) -> None:
    argv = [sys.executable, "-c", BUILD, str(deployment.directory)]
    subprocess.run(argv, check=True, timeout=120)


@pytest.fixture(scope="module")
def up() -> Iterator[Deployment]:
    """A whole layer, built once; tests here only read it or put it right again."""
    deployment = make()
    deployment.set("health", "interval", '"1s"')
    try:
        build(deployment)
        yield deployment
    finally:
        deployment.remove()


@pytest.fixture
def facts(up: Deployment) -> Facts:
    return up.target.gather(up.config)


def test_nothing_stays_unread(facts: Facts) -> None:
    unread = {path: fact.trouble for path, fact in paths(facts).items() if not fact.known}
    network = {f"{name}.probes.foreign_network" for name in ("redis", "redis_durable")}
    assert set(unread) - network == set(), unread


def test_only_the_services_get_in(facts: Facts) -> None:
    for of in (facts.postgres, facts.redis, facts.redis_durable):
        assert of.probes.login.value.accepted
        for name in ("plaintext", "wrong_password", "no_password", "foreign_ca", "old_tls"):
            assert not getattr(of.probes, name).value.accepted


def test_processes_listeners_and_limits_belong_together(up: Deployment, facts: Facts) -> None:
    for server in SERVERS:
        process = facts.host.processes[server].value
        assert isinstance(process, Process)
        assert process.pid == up.running(server).pid
        assert process.user == up.home(server).user
        assert process.resident_bytes > 1_000_000
        port = up.site.place(server).port
        owners = {found.process for found in facts.host.listeners.value if found.port == port}
        assert owners <= {process.pid, None}
        assert process.pid in owners or hidden(process.pid)
        if facts.host.limits_possible.value:
            assert facts.host.limits[server].value == up.site.limits(server)


def test_files_are_as_desired_and_secret_ones_are_not_read(up: Deployment, facts: Facts) -> None:
    wanted, found = up.desired(), facts.deployment.files.value
    for file in (*wanted.files, *wanted.data_files):
        state = found[str(file.path)]
        assert (state.mode, state.user) == (file.mode, file.user)
        assert (state.text is None) == (not isinstance(file.content, str))
    for folder in wanted.folders:
        state = found[str(folder.path)]
        assert (state.mode, state.user, state.directory) == (folder.mode, folder.user, True)


def test_no_secret_is_part_of_the_facts(up: Deployment, facts: Facts) -> None:
    shown = repr(facts)
    names = [name for name, value in up.config.env.items() if len(value) > 20]
    secrets = [name for name in names if name.endswith("PASSWORD")]
    assert set(secrets) == set(SECRETS)
    assert not [name for name in secrets if up.config.env[name].reveal() in shown]


def test_after_everything_was_done_nothing_is_left_to_do(up: Deployment, facts: Facts) -> None:
    plan = make_plan(up.config, up.target.desired(up.config, facts), facts)
    assert [step.summary for step in plan.steps] == []


def test_reading_everything_is_quick(up: Deployment) -> None:
    """0.4 s on an idle machine of two cores; a machine under test is not idle."""
    up.target.gather(up.config)
    took = []
    for _ in range(5):
        began = monotonic()
        up.target.gather(up.config)
        took.append(monotonic() - began)
    assert min(took) < 0.8


def test_a_reload_takes_up_a_new_certificate_and_cuts_nobody_off(up: Deployment) -> None:
    names = up.desired().certificates
    process = {server: up.running(server) for server in SERVERS}
    login = managed(up.config, "redis", *up.site.address("redis"), "default")
    with session(login, 5) as line:
        for server in SERVERS:
            up.target.execute(up.config, IssueCertificate(server, names[server], 60), quiet)
            up.target.execute(up.config, ReloadServer(server), quiet)
        assert line.call("PING") == "PONG"
    facts = up.target.gather(up.config)
    for server in SERVERS:
        served, stored = facts.certs.served[server].value, facts.certs.on_disk[server].value
        assert served.fingerprint == stored.fingerprint
        assert process[server].alive


def test_steps_may_be_done_twice(up: Deployment) -> None:
    wanted = up.desired()
    home = up.home("redis")
    steps: list[Action] = [
        *wanted.folders,
        *wanted.files,
        *wanted.data_files,
        IssueAuthority(60),
        InitDatabase(wanted.initdb_arguments),
        StartServer("postgres"),
        StartServer("redis"),
        SetRedisSetting("redis", "maxclients", "4000"),
        SetAccess(home.conf, 0o750, home.user),
        CreateRole("researchflow_owner"),
        ReloadServer("postgres"),
        ReloadServer("redis"),
        *([CreateSystemUser(home.user)] if os.geteuid() == 0 else []),
    ]
    before = {server: up.running(server) for server in SERVERS}
    for step in (*steps, *steps):
        up.target.execute(up.config, step, quiet)
    assert before == {server: up.running(server) for server in SERVERS}
    facts = up.target.gather(up.config)
    assert make_plan(up.config, up.target.desired(up.config, facts), facts).empty


def test_nothing_built_yet_is_told_as_such(fresh: Deployment) -> None:
    facts = fresh.target.gather(fresh.config)
    for server in SERVERS:
        assert facts.host.processes[server].value == "stopped"
        assert not facts.host.data[server].value.exists
        assert not facts.host.limits[server].known
        assert facts.host.disks[server].value.free > 0
    assert facts.host.watch.value.by == "nobody"
    assert not fresh.layout.state.exists()


def test_stopping_what_was_never_built_does_nothing(fresh: Deployment) -> None:
    assert fresh.target.stop(fresh.config, quiet) == ()
    assert not fresh.layout.state.exists()


def test_a_setting_that_postgres_does_not_know_is_refused_before_anything_is_done(
    fresh: Deployment,
) -> None:
    path = fresh.directory / "rfdata.toml"
    path.write_text(path.read_text().replace("# random_page_cost = 1.1", 'no_such_setting = "on"'))
    target = NativeTarget(fresh.config)
    facts = target.gather(fresh.config)
    with pytest.raises(UsageError, match="no_such_setting"):
        target.desired(fresh.config, facts)


def test_en_us_is_taken_where_the_host_has_it(fresh: Deployment) -> None:
    arguments = fresh.desired().initdb_arguments
    assert "--data-checksums" in arguments
    assert "--encoding=UTF8" in arguments
    assert fresh.programs.locale == arguments[-len(fresh.programs.locale) :]
    assert any("en-US" in word or "en_US" in word or "C.UTF-8" in word for word in arguments)


def test_a_file_is_never_seen_half_written(fresh: Deployment) -> None:
    path = fresh.directory / "x"
    fresh.target.execute(fresh.config, MakeDirectory(fresh.layout.state, 0o755, ""), quiet)
    fresh.target.execute(fresh.config, WriteFile(path, "one", 0o600, ""), quiet)
    with path.open() as before:
        fresh.target.execute(fresh.config, WriteFile(path, "two", 0o600, ""), quiet)
        assert before.read() == "one"
    assert path.read_text() == "two"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_anywhere_it_converges(fresh: Deployment, seed: int) -> None:
    """SIGKILL after a while that is drawn; then once undisturbed."""
    argv = [sys.executable, "-c", BUILD, str(fresh.directory)]
    delays = random.Random(seed)
    for _ in range(3):
        with subprocess.Popen(argv) as builder:
            sleep(delays.uniform(0.3, 3.0))
            builder.kill()
    build(fresh)
    facts = fresh.target.gather(fresh.config)
    assert make_plan(fresh.config, fresh.target.desired(fresh.config, facts), facts).empty


def hidden(pid: int) -> bool:
    """Root in a container may lack the right to look at other users' processes."""
    try:
        Path(f"/proc/{pid}/exe").readlink()
    except PermissionError:
        return True
    return False
