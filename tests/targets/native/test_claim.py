"""Whose state folder it is, and who can reach it: refused before anything is done."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.targets.native.conftest import Deployment, quiet

from rfdata.errors import UsageError
from rfdata.model.plan import MakeDirectory, StartServer
from rfdata.targets.native import ports


def contents(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def test_the_state_folder_of_another_deployment_is_refused(fresh: Deployment) -> None:
    other = fresh.directory.parent / "other"
    shutil.copytree(fresh.directory, other)
    fresh.set("native", "state", f'"{fresh.layout.state}"')
    fresh.target.execute(fresh.config, MakeDirectory(fresh.layout.state, 0o755, ""), quiet)
    fresh.layout.marker.write_text(f"{other}\n")
    before = contents(fresh.directory)
    for verb in (
        lambda: fresh.target.gather(fresh.config),
        lambda: fresh.target.execute(fresh.config, StartServer("redis"), quiet),
        lambda: fresh.target.stop(fresh.config, quiet),
    ):
        with pytest.raises(UsageError, match="belongs to the deployment"):
            verb()
    assert contents(fresh.directory) == before


def test_a_deployment_that_was_moved_keeps_its_state(redis: Deployment) -> None:
    moved = replace(redis, directory=redis.directory.with_name("moved"))
    redis.directory.rename(moved.directory)
    wanted = moved.desired()
    marker = next(file for file in wanted.files if file.path == moved.layout.marker)
    assert marker.content == f"{moved.directory}\n"
    moved.directory.rename(redis.directory)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as other users")
def test_a_folder_that_the_servers_cannot_enter_is_refused(fresh: Deployment) -> None:
    fresh.directory.parent.chmod(0o700)
    with pytest.raises(UsageError, match="can't get there") as refused:
        fresh.target.gather(fresh.config)
    assert "native.state" in refused.value.hint
    assert not fresh.layout.state.exists()


def test_a_port_that_the_servers_may_not_use_is_refused(fresh: Deployment) -> None:
    lowest = ports.first_allowed()
    if lowest <= 1:
        pytest.skip("this host lets everyone listen on every port")
    fresh.set("redis", "port", str(lowest - 1))
    with pytest.raises(UsageError, match=r"redis\.port"):
        fresh.target.gather(fresh.config)
