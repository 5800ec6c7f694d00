"""One deployment that is up, for each worker; tests leave it as they found it, or make their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e import layer
from tests.e2e.layer import Deployment, Ended


@dataclass(frozen=True)
class Born:
    """A deployment, and what was said while it was made."""

    deployment: Deployment
    first_plan: list[dict[str, Any]]
    up: Ended
    report: dict[str, Any]


@pytest.fixture(scope="session")
def born(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Born]:
    with layer.deployment(tmp_path_factory.mktemp("born") / "deployment") as found:
        plan = found.plan()
        up = found.rfdata("up", "--yes", "--format", "json")
        yield Born(found, plan, up, up.json)


@pytest.fixture
def live(born: Born) -> Iterator[Deployment]:
    """The worker's deployment; after a test that failed half-way it is mended for the next one."""
    toml = born.deployment.toml.read_text(encoding="utf-8")
    env = born.deployment.env_file.read_text(encoding="utf-8")
    yield born.deployment
    born.deployment.toml.write_text(toml, encoding="utf-8")
    born.deployment.env_file.write_text(env, encoding="utf-8")
    if born.deployment.rfdata("up", "--yes", code=None).code != 0:
        pytest.fail("the test left a layer behind that `rfdata up` can't mend")


Make = Callable[..., Deployment]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Initialise further deployments; they are taken away at the end of the test."""
    with ExitStack() as stack:

        def one(folder: str = "deployment", *options: str, name: str | None = None) -> Deployment:
            return stack.enter_context(layer.deployment(tmp_path / folder, *options, name=name))

        yield one
