"""One deployment that is up, for each worker; tests leave it as they found it, or make their own."""

from __future__ import annotations

import shutil
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


class Nursery:
    """Keeps one deployment that is up and all good; one that a test has spoilt is taken away."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._here = ExitStack()
        self._born: Born | None = None

    def get(self) -> Born:
        if self._born is None:
            folder = self._factory.mktemp("born") / "deployment"
            found = self._here.enter_context(layer.deployment(folder))
            plan = found.plan()
            up = found.rfdata("up", "--yes", "--format", "json")
            self._born = Born(found, plan, up, up.json)
        return self._born

    def end(self) -> None:
        self._born = None
        self._here.close()

    def settle(self) -> None:
        """After a test: what `up` doesn't make all good again is no ground for the next test."""
        if self._born is not None:
            mended = self._born.deployment.rfdata("up", "--yes", "--format", "json", code=None)
            if mended.code != 0 or layer.bad(mended.json):
                self.end()


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    found = Nursery(tmp_path_factory)
    yield found
    found.end()


@pytest.fixture
def born(nursery: Nursery) -> Born:
    """For tests that only look."""
    return nursery.get()


@pytest.fixture
def calm(born: Born) -> Deployment:
    """The same for tests that don't ask how it was made: they change nothing."""
    return born.deployment


@pytest.fixture
def live(nursery: Nursery) -> Iterator[Deployment]:
    """For tests that change something: it is made good again afterwards."""
    found = nursery.get().deployment
    kept = {path: path.read_bytes() for path in (found.toml, found.env_file)}
    yield found
    for path, content in kept.items():
        path.write_bytes(content)
    nursery.settle()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment directory as `init` leaves it, nothing running: cheap to copy and to spoil."""
    return layer.initialised(tmp_path_factory.mktemp("template") / "deployment")


@pytest.fixture
def ready(template: Deployment, tmp_path: Path) -> Iterator[Deployment]:
    """A copy of it; whatever the test starts is taken away."""
    found = Deployment(tmp_path / "deployment", template.ports)
    shutil.copytree(template.directory, found.directory)
    yield found
    layer.take_away(found)


Make = Callable[..., Deployment]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Initialise further deployments; they are taken away at the end of the test."""
    with ExitStack() as stack:

        def one(folder: str = "deployment", *options: str, name: str | None = None) -> Deployment:
            return stack.enter_context(layer.deployment(tmp_path / folder, *options, name=name))

        yield one
