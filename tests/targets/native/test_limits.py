"""Limits that the kernel really enforces, read where it keeps them."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic

import pytest
from tests.targets.native.conftest import Deployment, quiet

from rfdata.config.schema import MB
from rfdata.errors import Unreachable
from rfdata.model.facts import Limits
from rfdata.model.plan import SetLimits
from rfdata.redis.client import managed, session
from rfdata.targets.native import identity, limits, processes
from rfdata.targets.native.identity import Running

POSSIBLE = pytest.mark.skipif(
    not limits.possible(), reason="this host lets us make no control groups"
)


def groups(deployment: Deployment) -> list[Path]:
    return [
        folder
        for tree in limits.trees()
        if (folder := tree.mount / limits.ROOT / deployment.layout.identity).is_dir()
    ]


def test_values_are_those_that_the_kernel_reads_back() -> None:
    found = limits.settled(Limits(cpus=1.0000012, memory=10_000, memory_reservation=4_096))
    page = os.sysconf("SC_PAGE_SIZE")
    assert found == Limits(1.0, 10_000 // page * page, 4_096 // page * page)
    assert limits.settled(Limits(None, None, None)) == Limits(None, None, None)


@POSSIBLE
def test_a_server_starts_inside_its_limits(prepared: Deployment) -> None:
    for server in ("postgres", "redis"):
        processes.start(prepared.site, server, quiet)
        process = prepared.running(server)
        assert limits.enforced(process) == prepared.site.limits(server)
        cgroup = Path(f"/proc/{process.pid}/cgroup").read_text()
        assert f"/rfdata/{prepared.layout.identity}/{server}\n" in cgroup


@POSSIBLE
def test_limits_change_while_the_server_runs(prepared: Deployment) -> None:
    """PostgreSQL's backends move with it: the whole family is in the group."""
    processes.start(prepared.site, "postgres", quiet)
    process = prepared.running("postgres")
    wanted = Limits(0.5, 512 * MB, 32 * MB)
    prepared.target.execute(prepared.config, SetLimits("postgres", wanted), quiet)
    assert limits.enforced(process) == wanted
    for pid in identity.family(process.pid):
        assert limits.enforced(Running(pid, 0)) == wanted
    unlimited = Limits(None, None, None)
    prepared.target.execute(prepared.config, SetLimits("postgres", unlimited), quiet)
    assert limits.enforced(process) == unlimited


@POSSIBLE
def test_a_server_that_was_started_without_limits_gets_them(redis: Deployment) -> None:
    processes.start(redis.site, "redis", quiet)
    process = redis.running("redis")
    for folder in groups(redis):
        (folder.parent.parent / "cgroup.procs").write_text(str(process.pid))
    assert limits.enforced(process) != redis.site.limits("redis")
    limits.enforce(redis.layout.identity, "redis", process, redis.site.limits("redis"))
    assert limits.enforced(process) == redis.site.limits("redis")


@POSSIBLE
def test_groups_go_with_the_server(redis: Deployment) -> None:
    processes.start(redis.site, "redis", quiet)
    assert groups(redis)
    processes.stop(redis.site, "redis", quiet)
    assert not groups(redis)


@POSSIBLE
def test_the_quota_slows_a_server_down(redis: Deployment) -> None:
    """A tenth of a processor for what keeps a whole one busy."""
    processes.start(redis.site, "redis", quiet)
    process, place = redis.running("redis"), redis.site.place("redis")
    limits.enforce(redis.layout.identity, "redis", process, Limits(0.1, None, None))
    login = managed(redis.config, "redis", place.host, place.port, "admin")
    with session(login, 10) as line:
        before, began = used(process), monotonic()
        line.call("EVAL", "for i = 1, 2e7 do end return 1", 0)
        share = (used(process) - before) / (monotonic() - began)
    assert share < 0.3


@POSSIBLE
def test_the_memory_limit_ends_what_takes_more(redis: Deployment) -> None:
    processes.start(redis.site, "redis", quiet)
    process, place = redis.running("redis"), redis.site.place("redis")
    limits.enforce(redis.layout.identity, "redis", process, Limits(None, 24 * MB, None))
    login = managed(redis.config, "redis", place.host, place.port, "admin")
    with pytest.raises(Unreachable), session(login, 20) as line:
        line.call("EVAL", "for i = 1, 400 do redis.call('SET', i, string.rep('x', 1e6)) end", 0)
    assert identity.wait_until_gone(process, 5)


def test_version_two_of_control_groups(tmp_path: Path) -> None:
    """This suite's machines may have version 1 only: the files and their words, at least."""
    tree = limits.Tree(2, tmp_path, "/", frozenset({"cpu", "memory"}))
    for name in ("cpu.max", "memory.max", "memory.low"):
        (tmp_path / name).touch()
    limits._set(tree, tmp_path, Limits(1.5, 64 * MB, 16 * MB))
    assert (tmp_path / "cpu.max").read_text() == "150000 100000"
    assert (tmp_path / "memory.max").read_text() == str(64 * MB)
    assert (tmp_path / "memory.low").read_text() == str(16 * MB)
    assert limits._cpus(tree, tmp_path) == [1.5]
    (tmp_path / "cpu.max").write_text("")
    (tmp_path / "memory.max").write_text("")
    limits._set(tree, tmp_path, Limits(None, None, None))
    assert (tmp_path / "cpu.max").read_text() == "max 100000"
    assert (tmp_path / "memory.max").read_text() == "max"
    assert limits._cpus(tree, tmp_path) == []
    assert limits._bytes(tmp_path / "memory.max") == []


@pytest.mark.parametrize(
    ("files", "usable"),
    [
        ({}, True),
        ({"cgroup.type": "domain\n", "cgroup.procs": "1\n"}, False),
        ({"cgroup.type": "domain\n", "cgroup.procs": ""}, True),
        (
            {
                "cgroup.type": "domain\n",
                "cgroup.procs": "1\n",
                "cgroup.subtree_control": "cpu memory\n",
            },
            True,
        ),
    ],
    ids=["the root", "a container's root", "an empty group", "already divided"],
)
def test_where_version_two_allows_limits(
    tmp_path: Path, files: dict[str, str], usable: bool
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    tree = limits.Tree(2, tmp_path, "/", frozenset({"cpu", "memory"}))
    assert limits._usable(tree) is usable
    assert limits._usable(limits.Tree(2, tmp_path, "/", frozenset({"pids"}))) is False


def test_without_a_process_there_is_nothing_to_read() -> None:
    with pytest.raises(Unreachable, match="has ended"):
        limits.enforced(Running(2**22 + 1, 0))


def used(process: Running) -> float:
    """Processor seconds that a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
