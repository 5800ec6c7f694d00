from __future__ import annotations

import pytest

from rfdata.redis.settings import Desired, desired, differences, normal, quoted, render
from tests.redis.conftest import Instance, Launch


def live(instance: Instance) -> dict[str, str]:
    with instance.session() as line:
        return line.pairs("CONFIG", "GET", "*")


@pytest.mark.parametrize("server", ["redis", "redis-durable"])
@pytest.mark.parametrize("name", ["plain", 'Müllers "Daten" & \\ mehr'])
def test_a_server_with_the_rendered_file_differs_in_nothing(
    launch: Launch, server: str, name: str
) -> None:
    instance = launch(server, name=name)
    settings = desired(instance.config, instance.server, instance.paths)
    assert differences(settings, live(instance)) == ()
