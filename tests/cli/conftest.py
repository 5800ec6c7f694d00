"""A deployment with servers for the tests of one module, in a folder with a name that people choose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.e2e import layer
from tests.e2e.layer import Deployment


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("live") / "eine Größe & mehr"
    with layer.deployment(folder) as found:
        found.up()
        yield found
