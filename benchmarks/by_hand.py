"""The same servers as a person starts them by hand: initdb, pg_ctl, redis-server, and waiting.

What `rfdata up` does and this does not: find the programs, issue the CA and the certificates (they
lie ready), make the folders, render the settings (they lie ready too), make the database, its roles,
privileges and extensions, set limits, start the watch, read everything back, verify and report.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from benchmarks.deployment import NAME, RFDATA, Deployment
from benchmarks.measure import BenchmarkError, Sample, run, undisturbed

REDIS = ("redis", "redis-durable")
POSTGRES_FILES = ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")
STOP_PATIENCE = 30.0

SCRIPT = """\
set -eu
cd "$HAND"
$AS_POSTGRES "$BIN/initdb" $INITDB --pgdata "$HAND/postgres/data" >/dev/null
cp -p ready/* postgres/data/
$AS_POSTGRES "$BIN/pg_ctl" start -w -s -D "$HAND/postgres/data" -l "$HAND/postgres/log/start.log"
$AS_REDIS "$REDIS_SERVER" "$HAND/redis/conf/redis.conf"
$AS_REDIS "$REDIS_SERVER" "$HAND/redis-durable/conf/redis.conf"
answers() {
  until [ "$(REDISCLI_AUTH="$2" redis-cli -h 127.0.0.1 -p "$1" --tls --cacert "$CA" ping)" = PONG ]
  do sleep 0.01; done 2>/dev/null
}
answers "$REDIS_PORT" "$REDIS_PASSWORD"
answers "$REDIS_DURABLE_PORT" "$REDIS_DURABLE_PASSWORD"
"""


@dataclass(frozen=True)
class Ready:
    """What lies ready before the clock starts: settings, certificates, and how to call initdb."""

    folder: Path
    """Folders as they should be, but without data."""
    state: Path
    """The state folder that the settings in there name."""
    beside: Path
    """On the same file system as rfdata's own data."""
    initdb: tuple[str, ...]
    bin: Path
    redis_server: Path
    environment: dict[str, str]
    """Ports, passwords, the CA."""


def initdb_arguments(deployment: Deployment) -> tuple[str, ...]:
    """The options that `rfdata up` is about to give to initdb here, out of its plan."""
    steps = deployment.json("plan")["steps"]
    detail = next(step["detail"] for step in steps if step["action"] == "InitDatabase")
    return tuple(line.removeprefix("+ ") for line in detail)


def make_ready(deployment: Deployment, initdb: tuple[str, ...], folder: Path) -> Ready:
    """Copy settings and certificates of a deployment that is up and then stopped."""
    state = deployment.state
    _copy(state / "postgres" / "tls", folder / "postgres" / "tls")
    for name in POSTGRES_FILES:
        _copy(state / "postgres" / "data" / name, folder / "ready" / name)
    for server in REDIS:
        for part in ("conf", "tls"):
            _copy(state / server / part, folder / server / part)
    ca = folder / "ca.crt"
    _copy(deployment.folder / "certs" / "ca.crt", ca)
    found = json.loads(run((RFDATA, "runtime", "show", "--format", "json")).output)
    env = deployment.env()
    wanted = ("REDIS_PORT", "REDIS_PASSWORD", "REDIS_DURABLE_PORT", "REDIS_DURABLE_PASSWORD")
    return Ready(
        folder=folder,
        state=state,
        beside=state.parent if os.geteuid() == 0 else folder,
        initdb=initdb,
        bin=Path(found["postgres"]["bin"]),
        redis_server=Path(found["redis"]["server"]),
        environment={name: env[name] for name in wanted} | {"CA": str(ca)},
    )


@contextmanager
def by_hand(ready: Ready) -> Iterator[Sample]:
    """Start the servers by hand; yields how long that took, then stops them and removes their data."""
    hand = Path(tempfile.mkdtemp(prefix=f"{NAME}-by-hand-", dir=ready.beside))
    try:
        _lay_out(ready, hand)
        script = ("/bin/sh", "-c", SCRIPT)
        yield run(script, env=_environment(ready, hand), cwd=hand)
    finally:
        with undisturbed():
            for server in ("postgres", *REDIS):
                _stop(hand, server)
            shutil.rmtree(hand)


def _lay_out(ready: Ready, hand: Path) -> None:
    """Folders, settings and certificates in their places, with every path in them put right."""
    hand.chmod(0o755)
    _copy(ready.folder / "ready", hand / "ready")
    for server in ("postgres", *REDIS):
        _copy(ready.folder / server, hand / server)
        inside = ("log", "run") if server == "postgres" else ("log", "run", "data")
        owner = (hand / server / "tls").stat()
        for folder in (hand / server, *(hand / server / name for name in inside)):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o750)
            os.chown(folder, owner.st_uid, owner.st_gid)
    for path in (*hand.glob("ready/*"), *hand.glob("redis*/conf/redis.conf")):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(str(ready.state), str(hand)), encoding="utf-8")


def _copy(source: Path, destination: Path) -> None:
    """A file or folder with its owners, modes and links."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    run(("cp", "-a", source, destination))


def _environment(ready: Ready, hand: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HAND": str(hand),
        "BIN": str(ready.bin),
        "INITDB": " ".join(ready.initdb),
        "REDIS_SERVER": str(ready.redis_server),
        "AS_POSTGRES": _as_owner(hand / "postgres"),
        "AS_REDIS": _as_owner(hand / "redis"),
        **ready.environment,
    }


def _as_owner(folder: Path) -> str:
    """As root: the words that run a program as the owner of a server's folder."""
    if os.geteuid() != 0:
        return ""
    user = pwd.getpwuid(folder.stat().st_uid)
    return f"setpriv --reuid={user.pw_uid} --regid={user.pw_gid} --init-groups --"


def _stop(hand: Path, server: str) -> None:
    """End the server that the pid file in our own folder names, and wait until it is gone."""
    file = hand / (
        "postgres/data/postmaster.pid" if server == "postgres" else f"{server}/run/redis.pid"
    )
    try:
        pid = int(file.read_text(encoding="ascii").split()[0])
    except (FileNotFoundError, IndexError):
        return
    with _process(pid) as handle:
        if handle is None:
            return
        signal.pidfd_send_signal(handle, signal.SIGINT if server == "postgres" else signal.SIGTERM)
        deadline = monotonic() + STOP_PATIENCE
        while file.exists():
            if monotonic() > deadline:
                raise BenchmarkError(f"{server} by hand (process {pid}) does not end")
            sleep(0.02)


@contextmanager
def _process(pid: int) -> Iterator[int | None]:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)
