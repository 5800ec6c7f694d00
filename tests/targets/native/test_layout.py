"""Places: short enough for sockets, apart from those of other deployments, free of links."""

from __future__ import annotations

import os
from pathlib import Path

from rfdata.config.load import Config, parse_settings
from rfdata.model.facts import SERVERS
from rfdata.secrets import Secret
from rfdata.targets.native.layout import SOCKET_PATH_LIMIT, layout


def config(directory: Path, state: str = "") -> Config:
    text = f"[native]\nstate = '{state}'\n"
    return Config(directory, parse_settings(text, directory / "rfdata.toml"), {}, Secret(""))


def test_everything_lies_in_the_state_folder() -> None:
    places = layout(config(Path("/srv/one")))
    assert places.state == Path("/srv/one/var")
    for server in SERVERS:
        home = places.home(server)
        for path in (home.data, home.conf, home.log, home.run, home.tls, home.pid_file, home.lock):
            assert path.is_relative_to(places.state)
    assert places.socket_folder == Path("/srv/one/var/postgres/run")


def test_a_socket_path_that_is_too_long_gets_a_short_folder() -> None:
    deep = Path("/srv") / ("ü" * 50)
    places = layout(config(deep))
    assert not places.socket_folder.is_relative_to(deep)
    socket = places.socket_folder / ".s.PGSQL.65535"
    assert len(os.fsencode(socket)) <= SOCKET_PATH_LIMIT
    assert layout(config(deep / "b")).socket_folder != places.socket_folder


def test_the_longest_path_that_fits_is_used() -> None:
    room = SOCKET_PATH_LIMIT - len("/var/postgres/run/.s.PGSQL.5432")
    fits, too_long = Path("/" + "a" * (room - 1)), Path("/" + "a" * room)
    assert layout(config(fits)).socket_folder == fits / "var/postgres/run"
    assert layout(config(too_long)).socket_folder != too_long / "var/postgres/run"


def test_deployments_of_one_name_are_told_apart() -> None:
    one, other = layout(config(Path("/srv/one"))), layout(config(Path("/srv/other")))
    assert one.identity != other.identity
    assert one.identity.startswith("researchflow-")


def test_links_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert layout(config(tmp_path / "link")) == layout(config(tmp_path / "real"))
    state = layout(config(tmp_path, str(tmp_path / "link" / "x"))).state
    assert state == tmp_path / "real" / "x"
