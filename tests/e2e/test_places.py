"""What a machine and its people do to a deployment: busy ports, foreign data, full disks, odd paths."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from time import sleep

import pytest
from tests.e2e import layer
from tests.e2e.layer import Deployment, Ended

ROOT = os.geteuid() == 0


def refused(found: Deployment, *verb: str) -> Ended:
    """Exit code 2, with what to do about it; and nothing is changed, nor begun elsewhere."""
    began = found.state_path.exists()
    with layer.nothing_changes(found.directory):
        ended = found.rfdata(*verb, code=2)
    assert found.state_path.exists() == began
    assert ended.err.startswith("rfdata: ")
    assert ended.out == ""
    return ended


POSTGRES_SETTINGS = {
    "no_such_setting": "no_such_setting = 1",
    "random_page_cost": "random_page_cost = 'cheap'",
    "work_mem": "work_mem = '1 furlong'",
    "ssl": "ssl = false",
    "hba_file": "hba_file = '/tmp/mine'",
    "fsync": "fsync = false",
}


@pytest.mark.parametrize("name", POSTGRES_SETTINGS)
def test_a_setting_that_postgresql_or_a_promise_refuses_is_named(
    ready: Deployment, name: str
) -> None:
    text = ready.toml.read_text(encoding="utf-8")
    entry = f"[postgres.settings]\n{POSTGRES_SETTINGS[name]}\n"
    ready.toml.write_text(text.replace("[postgres.settings]", entry), encoding="utf-8")
    said = refused(ready, "up", "--yes").err
    assert name in said
    assert "rfdata.toml" in said


# --- what is half there


def test_an_init_that_was_killed_is_completed_by_the_next(tmp_path: Path) -> None:
    options = ("init", "--name", layer.name_for_tests(), *layer.reserve_ports().options)
    for number in range(6):
        folder = tmp_path / str(number)
        with subprocess.Popen(
            (layer.RFDATA, "-C", folder, *options), stdout=subprocess.DEVNULL
        ) as process:
            sleep(0.10 + number * 0.04)
            process.send_signal(signal.SIGKILL)
        layer.call("-C", folder, *options)
        found = Deployment(folder, layer.Ports(0, 0, 0, 0))
        assert all(len(secret) == 43 for secret in found.secrets.values())
        assert found.env_file.stat().st_mode & 0o777 == 0o600
        shown = found.rfdata("init", "--format", "json").json
        assert {entry["outcome"] for entry in shown} == {"unchanged"}
        assert not list(folder.rglob("*.rfdata-new"))


# --- the machine is not as expected


def test_a_port_taken_since_init_is_named_and_the_next_run_goes_on(ready: Deployment) -> None:
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        busy.bind(("127.0.0.1", ready.ports.redis))
        busy.listen()
        ended = ready.rfdata("up", "--yes", code=(2, 3, 4))
        assert str(ready.ports.redis) in ended.err
        assert "listen" in ended.err or "busy" in ended.err
    layer.assert_all_good(ready.up())


def test_the_state_of_another_deployment_is_not_touched(ready: Deployment, tmp_path: Path) -> None:
    ready.rfdata("up", "--yes")
    copy = Deployment(tmp_path / "copy", ready.ports)
    shutil.copytree(ready.directory, copy.directory, ignore=lambda *_: ["var", "reports"])
    if not ROOT:
        copy.set("native", "state", f'"{ready.state}"')
    before = ready.pids()
    for verb in (("up", "--yes"), ("plan",), ("verify",), ("down", "--yes"), ("certs", "renew")):
        said = refused(copy, *verb).err
        assert str(ready.directory) in said
        assert "native.state" in said
    assert ready.pids() == before
    layer.assert_all_good(ready.verify())


def test_a_data_folder_that_holds_something_else_is_left_alone(ready: Deployment) -> None:
    data = ready.state_path / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "thesis.txt").write_text("years of work")
    for folder in (ready.state_path, ready.state_path / "postgres", data):
        folder.chmod(0o755)
    ended = ready.rfdata("up", "--yes", code=(2, 4))
    assert str(data) in ended.err
    assert (data / "thesis.txt").read_text() == "years of work"
    assert [path.name for path in data.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(not ROOT, reason="root's servers run as other users")
def test_a_state_folder_that_the_servers_can_not_reach_is_refused(
    ready: Deployment, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    ready.set("native", "state", f'"{closed}/state"')
    said = refused(ready, "up", "--yes").err
    assert str(tmp_path.parents[0]) in said or "closed" in said
    assert "native.state" in said
    assert list(closed.iterdir()) == []


def test_a_place_where_nobody_may_write_is_named(ready: Deployment, tmp_path: Path) -> None:
    closed = Path("/proc/rfdata") if ROOT else tmp_path / "closed"
    if not ROOT:
        closed.mkdir()
        closed.chmod(0o500)
    ended = layer.call("-C", closed / "deployment", "init", code=(2, 4))
    assert str(closed) in ended.err
    ready.set("native", "state", f'"{closed}/state"')
    ended = ready.rfdata("up", "--yes", code=(2, 4))
    assert str(closed) in ended.err


def test_a_disk_that_is_full_breaks_nothing(ready: Deployment) -> None:
    """A limit on the size of files stands in for it: writing fails half-way, in the same places."""
    limited = subprocess.run(
        (
            "prlimit",
            "--fsize=3000000",
            str(layer.RFDATA),
            "-C",
            str(ready.directory),
            "up",
            "--yes",
        ),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert limited.returncode == 4, limited.stderr
    assert "Traceback" not in limited.stderr
    assert "rfdata up" in limited.stderr
    layer.assert_all_good(ready.up())
    assert ready.plan() == []


# --- names and paths that are fine


def test_spaces_and_letters_of_the_world_in_every_path_work(tmp_path: Path) -> None:
    with layer.deployment(tmp_path / "Müllers Daten (日本) & Söhne") as found:
        if ROOT:
            odd = found.state_path.with_name(f"{found.state_path.name} Größe, 数 'x'")
            found.set("native", "state", f'"{odd}"')
        layer.assert_all_good(found.up())
        layer.assert_all_good(found.verify())
        assert found.plan() == []
        with found.connect() as connection, found.redis() as client:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            assert client.ping()
        found.rfdata("status")
        found.rfdata("certs", "renew")
        found.rfdata("down", "--yes")
        layer.assert_all_good(found.up())


def test_servers_on_ipv6_addresses_work(tmp_path: Path) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no ::1")
    with layer.deployment(tmp_path / "deployment") as found:
        for section in ("postgres", "redis", "redis_durable"):
            found.set(section, "host", '"::1"')
            found.set(section, "listen_addresses", '["::1"]')
        found.rfdata("up", "--yes", code=(0, 3))
        # From which network a client comes can only be tried on 127.0.0.0/8.
        untried = {"probe.postgres_foreign_network_refused"}
        _, checks = layer.outcomes(found.verify(code=(0, 3)))
        assert {c for c, outcome in checks.items() if outcome not in layer.GOOD} <= untried
        assert "@[::1]:" in found.env["DATABASE_URL"]
        assert found.plan() == []
        with found.connect() as connection, found.redis() as client:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            assert client.ping()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "name", ["a\nb", "a'b\"c", "x" * 200, "-C", "a;b $(c) `d`", "a%20b", "a#b?c"]
)
def test_a_strange_directory_works_or_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    options = ("--name", layer.name_for_tests(), *layer.reserve_ports().options)
    ended = layer.call("-C", folder, "init", *options, code=(0, 2))
    if ended.code == 0:
        found = Deployment(folder, layer.Ports(0, 0, 0, 0))
        assert found.env["TLS_CA_FILE"] == str(folder / "certs" / "ca.crt")
        found.rfdata("plan")
    else:
        assert not folder.exists()


# --- the other end of the pipe


def test_output_to_a_closed_pipe_is_no_error(ready: Deployment) -> None:
    for verb in (("plan",), ("checks", "list"), ("init", "--example")):
        with subprocess.Popen(
            (layer.RFDATA, "-C", ready.directory, *verb),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert "Traceback" not in process.stderr.read()
        assert process.returncode in (0, 141, -13)
