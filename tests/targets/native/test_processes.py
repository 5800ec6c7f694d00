"""Starting and stopping real servers: twice, at once, after kill -9, in spite of strangers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest
from tests.targets.native.conftest import Deployment, adopt, make, quiet, until

from rfdata.errors import ChangeFailed, Unreachable
from rfdata.model.facts import Server
from rfdata.postgres.client import operator
from rfdata.redis.client import managed, session
from rfdata.targets.native import claim, identity, processes

TWO: tuple[Server, ...] = ("postgres", "redis")
BOTH_KEPT: tuple[Server, ...] = ("postgres", "redis-durable")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as other users")


def ask(deployment: Deployment, server: Server, *words: str) -> object:
    place = deployment.site.place(server)
    with session(managed(deployment.config, server, place.host, place.port, "admin"), 5) as line:
        return line.call(*words)


def query(deployment: Deployment, statement: str) -> object:
    port = deployment.config.settings.postgres.port
    with operator(deployment.layout.socket_folder, port) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchone() if cursor.description else None


def test_starting_and_stopping_twice_does_no_harm(prepared: Deployment) -> None:
    site = prepared.site
    for server in TWO:
        processes.start(site, server, quiet)
        first = prepared.running(server)
        processes.start(site, server, quiet)
        assert prepared.running(server) == first
        assert processes.stop(site, server, quiet) is True
        assert not first.alive
        assert processes.stop(site, server, quiet) is False


def test_a_started_server_answers_at_once(postgres: Deployment) -> None:
    processes.start(postgres.site, "postgres", quiet)
    assert query(postgres, "SELECT 1") == (1,)


def test_nothing_acknowledged_is_lost_by_a_stop_or_a_kill(prepared: Deployment) -> None:
    site = prepared.site
    for server in BOTH_KEPT:
        processes.start(site, server, quiet)
    query(prepared, "CREATE TABLE kept (n int)")
    for number in (1, 2):
        query(prepared, f"INSERT INTO kept VALUES ({number})")
        ask(prepared, "redis-durable", "RPUSH", "jobs", str(number))
        for server in BOTH_KEPT:
            prepared.kill(server) if number == 2 else processes.stop(site, server, quiet)
            processes.start(site, server, quiet)
    assert query(prepared, "SELECT count(*) FROM kept") == (2,)
    assert ask(prepared, "redis-durable", "LLEN", "jobs") == 2


@pytest.mark.parametrize("server", ["postgres", "redis"])
def test_a_stranger_with_the_number_of_a_stale_pid_file_is_left_alone(
    prepared: Deployment, server: Server
) -> None:
    """PostgreSQL would refuse to start while the stranger runs as its own user."""
    home = prepared.home(server)
    processes.start(prepared.site, server, quiet)
    prepared.kill(server)
    user = home.user if os.geteuid() == 0 else None
    with subprocess.Popen(["sleep", "60"], user=user) as stranger:
        lines = home.pid_file.read_text().splitlines()
        home.pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        assert processes.stop(prepared.site, server, quiet) is False
        processes.start(prepared.site, server, quiet)
        assert prepared.running(server).pid != stranger.pid
        assert processes.stop(prepared.site, server, quiet) is True
        assert stranger.poll() is None
        stranger.kill()


def test_two_who_start_at_once_start_one(redis: Deployment) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom rfdata.config.load import load\n"
        "from rfdata.model.plan import StartServer\n"
        "from rfdata.targets.native.target import NativeTarget\n"
        "config = load(Path(sys.argv[1]))\n"
        "NativeTarget(config).execute(config, StartServer('redis'), print)\n"
    )
    argv = [sys.executable, "-c", code, str(redis.directory)]
    starters = [subprocess.Popen(argv) for _ in range(3)]
    assert [starter.wait(60) for starter in starters] == [0, 0, 0]
    log = (redis.home("redis").log / "redis.log").read_text()
    assert log.count("Redis is starting") == 1


def test_a_server_that_cannot_start_says_why_and_what_to_do(prepared: Deployment) -> None:
    settings = prepared.config.settings
    for server, port in zip(TWO, (settings.postgres.port, settings.redis.port), strict=True):
        began = monotonic()
        with (
            socket.create_server(("127.0.0.1", port)),
            pytest.raises(ChangeFailed, match="did not start") as failure,
        ):
            processes.start(prepared.site, server, quiet)
        assert "Address already in use" in failure.value.message
        assert f"port {port} is taken by" in failure.value.hint
        assert f"process {os.getpid()}" in failure.value.hint
        assert monotonic() - began < 5
        assert identity.running(prepared.home(server)) is None


def test_a_configuration_that_the_server_refuses_is_quoted(redis: Deployment) -> None:
    conf = redis.home("redis").conf / "redis.conf"
    conf.write_text(conf.read_text() + "no-such-setting yes\n")
    with pytest.raises(ChangeFailed, match="no-such-setting"):
        processes.start(redis.site, "redis", quiet)


@AS_ROOT
def test_servers_run_with_little(prepared: Deployment) -> None:
    """As users of their own, without the means to gain rights, and without core dumps."""
    for server in TWO:
        processes.start(prepared.site, server, quiet)
        proc = Path("/proc") / str(prepared.running(server).pid)
        status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
        assert status["NoNewPrivs"] == "1"
        assert int(status["CapEff"], 16) == 0
        assert "0" not in status["Uid"].split()
        limits = (proc / "limits").read_text().splitlines()
        core = next(line for line in limits if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"]


@AS_ROOT
def test_servers_are_found_without_the_right_to_look_at_them(prepared: Deployment) -> None:
    """Root in a container usually lacks CAP_SYS_PTRACE."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom rfdata.targets.native import identity\n"
        "from rfdata.targets.native.layout import Home\n"
        "home = Home(*sys.argv[1:3], Path(sys.argv[3]))\n"
        "print(identity.running(home), len(identity.leftovers(home)))\n"
    )
    drop = ("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", sys.executable)
    for server in TWO:
        home = prepared.home(server)
        argv = [*drop, "-c", code, server, home.user, str(home.root)]
        assert subprocess.check_output(argv, text=True).split() == ["None", "0"]
        processes.start(prepared.site, server, quiet)
        found = subprocess.check_output(argv, text=True).rsplit(" ", 1)
        assert found[0] == str(prepared.running(server))
        assert int(found[1]) == len(identity.leftovers(home)) > 0


def test_no_secret_is_in_the_arguments_or_the_environment(prepared: Deployment) -> None:
    secrets = [value.reveal().encode() for value in prepared.config.env.values() if len(value) > 20]
    for server in TWO:
        processes.start(prepared.site, server, quiet)
        proc = Path("/proc") / str(prepared.running(server).pid)
        shown = (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
        assert not [secret for secret in secrets if secret in shown]


def test_a_start_waits_until_the_leftovers_of_a_killed_one_are_gone(
    postgres: Deployment,
) -> None:
    """A backend that is busy does not notice at once that its parent was killed."""
    processes.start(postgres.site, "postgres", quiet)
    busy = (
        "DO $$ DECLARE until timestamptz := clock_timestamp() + interval '1.5s'; "
        "BEGIN WHILE clock_timestamp() < until LOOP END LOOP; END $$"
    )

    def work() -> None:
        with suppress(Unreachable):  # it may still get its answer from the orphan
            query(postgres, busy)

    thread = threading.Thread(target=work)
    thread.start()
    until(
        lambda: (
            query(postgres, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO%'") == (1,)
        ),
        "the query is at work",
    )
    postgres.kill("postgres")
    assert identity.leftovers(postgres.home("postgres"))
    said: list[str] = []
    processes.start(postgres.site, "postgres", said.append)
    assert "left behind" in said[0]
    assert query(postgres, "SELECT 1") == (1,)
    thread.join()


@pytest.mark.parametrize("parent", ["with space", "Müllers Größe", 'it\'s $HOME `x` "q" 100%'])
def test_paths_of_every_kind(parent: str, cluster: Path) -> None:
    deployment = make(parent)
    try:
        deployment.prepare("redis", "redis-durable")
        adopt(deployment, cluster)
        deployment.start()
        assert query(deployment, "SELECT 1") == (1,)
        assert ask(deployment, "redis", "PING") == "PONG"
        assert deployment.target.stop(deployment.config, quiet) == (
            "postgres",
            "redis",
            "redis-durable",
        )
    finally:
        deployment.remove()


def test_a_path_too_long_for_a_socket(cluster: Path) -> None:
    deployment = make("d" * 80)
    try:
        deployment.prepare("redis")
        adopt(deployment, cluster)
        folder = deployment.layout.socket_folder
        assert not folder.is_relative_to(deployment.layout.state)
        folder.rmdir()  # as after a boot: /run and /tmp are empty
        processes.start(deployment.site, "postgres", quiet)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert query(deployment, "SELECT 1") == (1,)
        processes.stop(deployment.site, "postgres", quiet)
        folder.rmdir()
    finally:
        deployment.remove()


def test_a_folder_that_somebody_made_before_us_is_not_trusted(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(elsewhere)
    claim.require_private(elsewhere, -1)
    with pytest.raises(ChangeFailed):
        claim.require_private(link, -1)
    elsewhere.chmod(0o750)
    with pytest.raises(ChangeFailed):
        claim.require_private(elsewhere, -1)


def test_whoever_dies_while_changing_gives_the_right_back(redis: Deployment) -> None:
    home = redis.home("redis")
    code = (
        "from pathlib import Path\nimport sys, time\nfrom rfdata.targets.native import processes\n"
        "from rfdata.targets.native.layout import Home\n"
        "with processes.changing(Home('redis', 'x', Path(sys.argv[1])), 'test'):\n"
        "    print('held', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home.root)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert processes.revive(redis.site, "redis", lambda: True, quiet) is False
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    assert processes.revive(redis.site, "redis", lambda: True, quiet) is True
