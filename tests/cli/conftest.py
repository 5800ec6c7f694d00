"""A deployment directory as `init` leaves it, nothing running: cheap to copy and to spoil."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e import layer
from tests.e2e.layer import Deployment


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return layer.initialised(tmp_path_factory.mktemp("template") / "deployment")


@pytest.fixture
def ready(template: Deployment, tmp_path: Path) -> Iterator[Deployment]:
    """A copy of it. Whatever a test should start by mistake is taken away."""
    directory = tmp_path / "deployment"
    shutil.copytree(template.directory, directory)
    found = Deployment(directory, template.ports)
    yield found
    layer.take_away(found)
