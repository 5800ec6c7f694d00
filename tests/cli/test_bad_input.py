"""Whatever a person may get wrong: exit code, file, key and what to do about it; nothing is changed."""

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

from rfdata.targets.native import ports

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


# --- rfdata.toml

WRONG_VALUES: dict[str, tuple[str, str, str]] = {
    "postgres.port": ("postgres", "port", '"5432"'),
    "postgres.port (none)": ("postgres", "port", "0"),
    "postgres.port (too high)": ("postgres", "port", "65536"),
    "postgres.port (negative)": ("postgres", "port", "-1"),
    "postgres.host": ("postgres", "host", '"[::1]"'),
    "postgres.host (an address of five parts)": ("postgres", "host", '"1.2.3.4.5"'),
    "redis.host": ("redis", "host", '"a b"'),
    "postgres.listen_addresses": ("postgres", "listen_addresses", '"127.0.0.1"'),
    "postgres.networks.0": ("postgres", "networks", '["10.0.0.1/8"]'),
    "postgres.max_connections": ("postgres", "max_connections", "1.5"),
    "postgres.max_connections (none)": ("postgres", "max_connections", "0"),
    "postgres.shared_buffers": ("postgres", "shared_buffers", '"6GB"'),
    "postgres.shared_buffers (no unit)": ("postgres", "shared_buffers", "256"),
    "postgres.shared_buffers (no number)": ("postgres", "shared_buffers", '"lots"'),
    "postgres.effective_cache_size": ("postgres", "effective_cache_size", '"9GB"'),
    "postgres.checkpoint_completion_target": ("postgres", "checkpoint_completion_target", "1.1"),
    "postgres.log_statement": ("postgres", "log_statement", '"some"'),
    "postgres.lock_timeout": ("postgres", "lock_timeout", '"-5s"'),
    "postgres.statement_timeout": ("postgres", "statement_timeout", '"30d"'),
    "postgres.database": ("postgres", "database", '"template1"'),
    "postgres.database (letters)": ("postgres", "database", '"Größe"'),
    "postgres.user": ("postgres", "user", '"postgres"'),
    "postgres.user (letters)": ("postgres", "user", '"x\'; DROP TABLE y; --"'),
    "redis.maxmemory": ("redis", "maxmemory", '"2GB"'),
    "redis.maxmemory_policy": ("redis", "maxmemory_policy", '"always"'),
    "redis_durable.appendfsync": ("redis_durable", "appendfsync", "true"),
    "redis.limits": ("redis.limits", "memory_reservation", '"9GB"'),
    "postgres.log.max_files": ("postgres.log", "max_files", "0"),
    "deployment.name": ("deployment", "name", '"../../etc"'),
    "deployment.profile": ("deployment", "profile", '"staging"'),
    "deployment.target": ("deployment", "target", '"compose"'),
    "native.state": ("native", "state", '"var"'),
    "native.watch": ("native", "watch", '"cron"'),
    "tls.certificate_days": ("tls", "certificate_days", "826"),
    "tls.ca_days": ("tls", "ca_days", "36500"),
    "health.interval": ("health", "interval", '"0s"'),
    "verify.fact_timeout": ("verify", "fact_timeout", "5"),
}


@pytest.mark.parametrize("case", WRONG_VALUES)
def test_a_wrong_value_is_named_with_file_and_key(ready: Deployment, case: str) -> None:
    ready.set(*WRONG_VALUES[case])
    said = refused(ready, "up", "--yes").err
    assert str(ready.toml) in said
    assert case.partition(" ")[0] in said
    assert "->" in said


def test_two_servers_on_one_port_are_refused(ready: Deployment) -> None:
    ready.set("redis", "port", str(ready.ports.postgres))
    said = refused(ready, "up", "--yes").err
    assert "postgres.port" in said
    assert "redis.port" in said


def test_every_wrong_value_is_named_at_once(ready: Deployment) -> None:
    ready.set("postgres", "port", "0")
    ready.set("redis", "port", "true")
    ready.set("tls", "ca_days", "0")
    said = refused(ready, "up", "--yes").err
    assert all(key in said for key in ("postgres.port", "redis.port", "tls.ca_days"))


UNKNOWN = {
    "postgres.shared_bufers": "[postgres]\nshared_bufers = '1GB'\n",
    "mysql": "[mysql]\nport = 3306\n",
    "redis.limits.swap": "[redis.limits]\nswap = '1GB'\n",
    "typo": "typo = 1\n",
}


@pytest.mark.parametrize("key", UNKNOWN)
def test_an_unknown_key_is_refused_by_name(ready: Deployment, key: str) -> None:
    ready.toml.write_text(UNKNOWN[key])
    said = refused(ready, "up", "--yes").err
    assert f"{ready.toml}: {key}: no such key" in said
    assert "init --example" in said


NOT_TOML = {
    "no end of a string": b'[deployment]\nname = "x',
    "a key twice": b"[postgres]\nport = 1\nport = 2\n",
    "no TOML at all": b"port: 5432\n",
    "not UTF-8": b'name = "M\xfcller"\n',
    "zeros": b"\0\0\0\0",
    "a byte order mark": b"\xef\xbb\xbf[postgres]\nport = 5432\n",
    "deeper than anyone writes": b"a = " + b"[" * 5000 + b"]" * 5000,
    "a number without end": b"[postgres]\nport = " + b"9" * 5000,
    "a date for a number": b"[postgres]\nport = 1979-05-27\n",
    "not a number": b"[postgres.limits]\ncpus = nan\nmemory='8GB'\nmemory_reservation='2GB'\n",
    "endless": b"[postgres.limits]\ncpus = inf\nmemory='8GB'\nmemory_reservation='2GB'\n",
}


@pytest.mark.parametrize("case", NOT_TOML)
def test_a_file_that_can_not_be_read_as_configuration_is_refused(
    ready: Deployment, case: str
) -> None:
    ready.toml.write_bytes(NOT_TOML[case])
    for verb in (("up", "--yes"), ("init",)):
        said = refused(ready, *verb).err
        assert "rfdata.toml" in said


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


@pytest.mark.skipif(
    ports.may_use_privileged(), reason="this machine lets everyone listen below 1024"
)
def test_a_privileged_port_is_refused_for_servers_without_the_right(ready: Deployment) -> None:
    ready.set("postgres", "port", "543")
    said = refused(ready, "up", "--yes").err
    assert "postgres.port" in said
    assert "543" in said
    again = layer.call("-C", ready.directory, "init", "--force", "--redis-port=637", code=2)
    assert "637" in again.err


# --- .env


def spoil(found: Deployment, name: str, line: str) -> None:
    lines = found.env_file.read_text(encoding="utf-8").splitlines()
    changed = [line if each.startswith(f"{name}=") else each for each in lines]
    found.env_file.write_text("\n".join(changed) + "\n", encoding="utf-8")


WRONG_ENV = {
    "a password over two lines": "POSTGRES_PASSWORD='first\nsecond'",
    "a tab in a password": "POSTGRES_PASSWORD='first\tsecond'",
    "a quote that never ends": "POSTGRES_PASSWORD='first",
    "a quote in quotes": 'POSTGRES_PASSWORD="a"b"',
    "set twice": "POSTGRES_PASSWORD=a\nPOSTGRES_PASSWORD=b",
    "no value": "POSTGRES_PASSWORD=",
    "no name": "=secret",
    "not there": "# nothing",
    "no assignment": "POSTGRES_PASSWORD secret",
}


@pytest.mark.parametrize("case", WRONG_ENV)
def test_a_wrong_line_in_env_is_named_without_its_value(ready: Deployment, case: str) -> None:
    spoil(ready, "POSTGRES_PASSWORD", WRONG_ENV[case])
    said = refused(ready, "up", "--yes").err
    assert ".env" in said
    assert "POSTGRES_PASSWORD" in said or "line " in said
    assert "->" in said
    assert "first" not in said
    assert "second" not in said


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_env_that_others_can_read_is_refused_with_the_command_that_mends_it(
    ready: Deployment, mode: int
) -> None:
    ready.env_file.chmod(mode)
    for verb in (("up", "--yes"), ("verify",), ("status",)):
        said = refused(ready, *verb).err
        assert str(ready.env_file) in said
        assert f"{mode:04o}" in said
        assert "chmod 600" in said


@pytest.mark.parametrize("content", [b"\xff\xfe", b"POSTGRES_PASSWORD=\0\n"])
def test_env_that_is_no_text_is_refused(ready: Deployment, content: bytes) -> None:
    ready.env_file.write_bytes(content)
    assert ".env" in refused(ready, "up", "--yes").err


# --- what is missing, half there, or not what it should be


@pytest.mark.parametrize("verb", ["plan", "up", "down", "status", "verify", "report", "certs show"])
def test_a_directory_that_is_no_deployment_is_told_to_init(tmp_path: Path, verb: str) -> None:
    with layer.nothing_changes(tmp_path):
        for folder in (tmp_path, tmp_path / "nowhere"):
            ended = layer.call("-C", folder, *verb.split(), code=2)
            assert "rfdata.toml is missing" in ended.err
            assert "rfdata init" in ended.err


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for verb in ("init", "up"):
        assert "file" in layer.call("-C", tmp_path / "file", verb, code=2).err
        layer.call("-C", tmp_path / "file" / "below", verb, code=2)


@pytest.mark.parametrize("name", ["rfdata.toml", ".env"])
def test_a_folder_in_the_place_of_a_file_is_refused(ready: Deployment, name: str) -> None:
    (ready.directory / name).unlink()
    (ready.directory / name).mkdir()
    for verb in (("up", "--yes"), ("init",)):
        assert name in refused(ready, *verb).err


@pytest.mark.parametrize(
    "name",
    [".env", ".env.example", ".env.production.template", ".gitignore", "certs", "migrations"],
)
def test_init_completes_what_it_had_not_finished(ready: Deployment, name: str) -> None:
    gone = ready.directory / name
    secrets, before = ready.secrets, layer.tree(ready.directory)
    if gone.is_dir():
        gone.rmdir()
    else:
        gone.unlink()
    if name == ".env":
        assert ".env is missing" in refused(ready, "up", "--yes").err
    ready.rfdata("init")
    after = layer.tree(ready.directory)
    assert set(after) == set(before)
    if name == ".env":
        assert gone.stat().st_mode & 0o777 == 0o600
        assert all(len(secret) == 43 for secret in ready.secrets.values())
    else:
        assert ready.secrets == secrets
        assert after == before


def test_init_again_changes_nothing(ready: Deployment) -> None:
    with layer.nothing_changes(ready.directory):
        shown = ready.rfdata("init", "--format", "json").json
    assert {entry["outcome"] for entry in shown} == {"unchanged"}


def test_init_keeps_what_a_person_changed_and_force_keeps_a_copy(ready: Deployment) -> None:
    mine = "# mine\n" + ready.toml.read_text(encoding="utf-8")
    ready.toml.write_text(mine, encoding="utf-8")
    secrets = ready.secrets
    ready.rfdata("init")
    assert ready.toml.read_text(encoding="utf-8") == mine
    ready.rfdata("init", "--force", *ready.ports.options)
    assert (ready.directory / "rfdata.toml.bak").read_text(encoding="utf-8") == mine
    assert "# mine" not in ready.toml.read_text(encoding="utf-8")
    assert ready.secrets == secrets


def test_an_init_that_was_killed_is_completed_by_the_next(tmp_path: Path) -> None:
    options = ("init", "--name", layer.name_for_tests(), *layer.reserve_ports().options)
    for number in range(12):
        folder = tmp_path / str(number)
        with subprocess.Popen(
            (layer.RFDATA, "-C", folder, *options), stdout=subprocess.DEVNULL
        ) as process:
            sleep(0.10 + number * 0.02)
            process.send_signal(signal.SIGKILL)
        layer.call("-C", folder, *options)
        found = Deployment(folder, layer.Ports(0, 0, 0, 0))
        assert all(len(secret) == 43 for secret in found.secrets.values())
        assert found.env_file.stat().st_mode & 0o777 == 0o600
        shown = found.rfdata("init", "--format", "json").json
        assert {entry["outcome"] for entry in shown} == {"unchanged"}
        assert not list(folder.rglob("*.rfdata-new"))


GARBAGE = {
    "garbage": b"\x00\xff garbage \n more\n",
    "another program's": b'{"log": "something else"}\n',
    "empty lines": b"\n\n\n",
}


@pytest.mark.parametrize("case", GARBAGE)
def test_a_corrupt_evidence_file_is_refused_by_every_verb_that_reads_it(
    ready: Deployment, case: str
) -> None:
    (ready.directory / "evidence").mkdir(mode=0o700)
    ready.evidence_log.write_bytes(GARBAGE[case])
    for verb in (("up", "--yes"), ("verify",), ("status",), ("plan",), ("report",)):
        said = refused(ready, *verb).err
        assert "evidence.jsonl, line 1" in said
        assert "evidence verify" in said
    ready.rfdata("evidence", "verify", code=1)


def test_an_evidence_folder_that_is_none_is_refused(ready: Deployment) -> None:
    (ready.directory / "evidence").write_text("")
    assert "evidence" in refused(ready, "up", "--yes").err


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


# --- the command line itself


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("up", "--nonsense"),
        ("-C",),
        ("verify", "--section", "nine"),
        ("verify", "--format", "yaml"),
        ("checks",),
        ("attest",),
        ("evidence", "list", "--last", "many"),
        ("init", "--profile", "staging"),
        ("init", "--target", "compose"),
        ("init", "--name", "Not A Name"),
        ("init", "--postgres-port", "70000"),
        ("init", "--postgres-port", "-1"),
        ("init", "--postgres-port=9009", "--redis-port=9009"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_refused_with_help(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    with layer.nothing_changes(tmp_path):
        ended = layer.call(*arguments, code=2, cwd=tmp_path)
    assert ended.said.strip()


@pytest.mark.parametrize("verb", ["migrate", "backup", "restore", "drill", "render", "serve"])
def test_a_verb_that_comes_later_says_so_and_does_nothing(tmp_path: Path, verb: str) -> None:
    with layer.nothing_changes(tmp_path):
        ended = layer.call(verb, "anything", "--at", "all", code=2, cwd=tmp_path)
    assert "pending" in ended.err


VERBS = [
    "init",
    "plan",
    "up",
    "down",
    "status",
    "doctor",
    "verify",
    "report",
    "attest",
    "waive",
    "checks,list",
    "checks,show",
    "evidence,verify",
    "evidence,list",
    "certs,show",
    "certs,renew",
    "runtime,install",
    "runtime,show",
]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    shown = layer.call(*verb.split(","), "--help").out
    assert "Example: rfdata" in shown
    assert "--help" in shown


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
