"""Units that systemd itself accepts, for every kind of path."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from rfdata.config.load import Config, parse_settings
from rfdata.config.schema import GB, MB
from rfdata.errors import UsageError
from rfdata.model.facts import SERVERS, Limits
from rfdata.secrets import Secret
from rfdata.targets.native import systemd, watch
from rfdata.targets.native.layout import layout
from rfdata.targets.native.processes import server_command

ANALYZE = shutil.which("systemd-analyze")
LIMITS = Limits(1.5, GB, 256 * MB)
DIRECTORIES = ["/srv/layer", "/srv/with space", "/srv/Müller & Söhne", '/home/me/it\'s 100% $x "q"']


def config(directory: str, text: str = "") -> Config:
    return Config(Path(directory), parse_settings(text, Path("x")), {}, Secret(""))


def units(wish: Config) -> dict[str, str]:
    """Every unit by its file name; the programs are ones that exist on every machine."""
    places = layout(wish)
    found = {
        systemd.unit_name(wish, server): systemd.server_unit(
            wish,
            places,
            server,
            server_command(places, server, "/bin/sh"),
            LIMITS,
            notifies=server == "redis",
        )
        for server in SERVERS
    }
    found[systemd.unit_name(wish, "agent")] = systemd.agent_unit(
        wish, places, ("/bin/sh", *watch.command(wish)[1:])
    )
    return found


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze here")
@pytest.mark.parametrize("directory", DIRECTORIES)
def test_systemd_accepts_the_units(directory: str, tmp_path: Path) -> None:
    found = units(config(directory))
    for name, text in found.items():
        (tmp_path / name).write_text(text)
    argv = [str(ANALYZE), "verify", "--man=no", *(str(tmp_path / name) for name in found)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if "rfdata-" in line]
    assert not said
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze here")
def test_a_mistake_in_a_unit_would_be_found(tmp_path: Path) -> None:
    name, text = next(iter(units(config("/srv/layer")).items()))
    (tmp_path / name).write_text(text.replace("CPUQuota=", "CPUQuote="))
    argv = [str(ANALYZE), "verify", "--man=no", str(tmp_path / name)]
    assert "CPUQuote" in subprocess.run(argv, capture_output=True, text=True).stderr


def test_what_a_unit_promises() -> None:
    found = units(config("/srv/layer"))
    postgres = found["rfdata-researchflow-postgres.service"].splitlines()
    redis = found["rfdata-researchflow-redis.service"].splitlines()
    for line in (
        "Type=exec",
        'ExecStart="/bin/sh" "-D" "/srv/layer/var/postgres/data"',
        "KillSignal=SIGINT",
        "CPUQuota=150%",
        f"MemoryMax={GB}",
        f"MemoryLow={256 * MB}",
        "LimitCORE=0",
        "NoNewPrivileges=yes",
        "Restart=on-failure",
        "WantedBy=multi-user.target",
    ):
        assert line in postgres
    assert "Type=notify" in redis
    assert "KillSignal=SIGTERM" in redis
    assert not [line for line in redis if line.startswith("ExecReload")]


def test_the_same_configuration_gives_the_same_units() -> None:
    assert units(config("/srv/layer")) == units(config("/srv/layer"))


def test_nothing_in_a_path_is_expanded() -> None:
    unit = units(config("/srv/50% $HOME"))["rfdata-researchflow-postgres.service"]
    assert 'ExecStart="/bin/sh" "-D" "/srv/50%% $$HOME/var/postgres/data"' in unit
    assert 'ReadWritePaths="/srv/50%% $HOME/var/postgres"' in unit
    assert "WorkingDirectory=/srv/50%% $HOME/var/postgres/data" in unit


def test_a_socket_folder_under_run_is_made_by_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    unit = units(config("/srv/" + "d" * 100))["rfdata-researchflow-postgres.service"]
    assert "RuntimeDirectory=rfdata/" in unit


def test_homes_are_closed_to_servers_that_do_not_live_there() -> None:
    outside = units(config("/srv/layer"))["rfdata-researchflow-redis.service"]
    inside = units(config("/home/me/layer"))["rfdata-researchflow-redis.service"]
    assert "ProtectHome=yes" in outside
    assert "ProtectHome=read-only" in inside


def test_systemd_is_refused_where_it_does_not_run() -> None:
    wish = config("/srv/layer", '[native]\nwatch = "systemd"\n')
    if systemd.BOOTED.is_dir():
        pytest.skip("systemd runs here")
    with pytest.raises(UsageError, match="systemd does not run here"):
        systemd.in_charge(wish)
    assert not systemd.in_charge(config("/srv/layer"))
