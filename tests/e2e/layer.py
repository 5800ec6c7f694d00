"""A deployment as a person has it: a folder, the program beside this Python, servers that really run."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any

import psycopg

import redis
from rfdata.config import env as dotenv
from rfdata.config.load import load
from rfdata.model.facts import Server
from rfdata.plan.make import make_plan
from rfdata.targets.native import identity
from rfdata.targets.native.layout import Layout, layout
from rfdata.targets.open import open_target

RFDATA = Path(sys.executable).parent / "rfdata"
PATIENCE = 120.0
"""Seconds for one call of the program, on a machine that runs other tests meanwhile."""
STATES = Path("/var/lib/rfdata")
LINES = 244
GOOD = ("pass", "not_applicable", "pending", "attest", "attested", "waived")

_FIRST_PORT, _BLOCK, _BLOCKS = 10_000, 4, 1_200
_numbers = count(1)


@dataclass(frozen=True)
class Ended:
    """One call of the program, and what became of it."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        return self.out + self.err

    def __str__(self) -> str:
        words, out = " ".join(self.arguments), self.out[-4000:]
        with suppress(ValueError, KeyError, TypeError):
            out = f"(JSON) {bad(self.json)}"
        return f"`rfdata {words}` ended with {self.code}\n--- stdout\n{out}\n--- stderr\n{self.err}"


@dataclass(frozen=True)
class Ports:
    """Three ports that nobody else gets as long as this process lives."""

    postgres: int
    redis: int
    redis_durable: int
    spare: int

    @property
    def options(self) -> tuple[str, ...]:
        """What `init` is told."""
        return (
            f"--postgres-port={self.postgres}",
            f"--redis-port={self.redis}",
            f"--redis-durable-port={self.redis_durable}",
        )


_reserved: list[socket.socket] = []


def reserve_ports() -> Ports:
    """Take a block of free ports. An abstract socket is the mark that it is taken: the kernel sees
    to it across all processes and users, and takes the mark away when we end, however we end."""
    for number in random.sample(range(_BLOCKS), _BLOCKS):
        first = _FIRST_PORT + number * _BLOCK
        ports = range(first, first + _BLOCK)
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0rfdata-tests-ports-{first}")
            if all(is_free(port) for port in ports):
                _reserved.append(mark)
                return Ports(*ports)
        except OSError:
            pass
        mark.close()
    raise AssertionError("no free ports left for tests")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def call(
    *arguments: str | Path,
    code: int | Sequence[int] | None = 0,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = PATIENCE,
) -> Ended:
    """Run the program as a person does, without a terminal. It never shows a traceback."""
    words = tuple(map(str, arguments))
    done = subprocess.run(
        (str(RFDATA), *words),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=timeout,
        env={**os.environ, **(env or {})},
        cwd=cwd,
    )
    ended = Ended(words, done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in ended.said, ended
    assert "defect of rfdata" not in ended.said, ended
    if code is not None:
        assert ended.code in ([code] if isinstance(code, int) else code), ended
    return ended


@dataclass(frozen=True)
class Deployment:
    """A deployment directory, and the ways in that a person has."""

    directory: Path
    ports: Ports

    def rfdata(
        self,
        *arguments: str | Path,
        code: int | Sequence[int] | None = 0,
        env: Mapping[str, str] | None = None,
    ) -> Ended:
        return call("-C", self.directory, *arguments, code=code, env=env)

    def begin(self, *arguments: str, group: bool = False) -> subprocess.Popen[str]:
        """Start the program and leave it running; its stderr can be read line by line.

        `env` sees to it that Ctrl-C works also where whoever runs the tests ignores it.
        """
        program = ("env", "--default-signal=INT", str(RFDATA))
        return subprocess.Popen(
            (*program, "-C", str(self.directory), *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=group,
        )

    def up(self, code: int | Sequence[int] = 0) -> dict[str, Any]:
        """`up`, as JSON: the report, with what was planned and done."""
        found: dict[str, Any] = self.rfdata("up", "--yes", "--format", "json", code=code).json
        return found

    def verify(self, code: int | Sequence[int] | None = 0) -> dict[str, Any]:
        found: dict[str, Any] = self.rfdata("verify", "--format", "json", code=code).json
        return found

    def plan(self) -> list[dict[str, Any]]:
        """The steps that `up` would take now."""
        found: list[dict[str, Any]] = self.rfdata("plan", "--format", "json").json["steps"]
        return found

    @property
    def toml(self) -> Path:
        return self.directory / "rfdata.toml"

    @property
    def env_file(self) -> Path:
        return self.directory / ".env"

    @property
    def evidence_log(self) -> Path:
        return self.directory / "evidence" / "evidence.jsonl"

    def set(self, section: str, key: str, value: str) -> None:
        """Change one value of rfdata.toml, as an editor would."""
        before = self.toml.read_text(encoding="utf-8")
        line = rf"(^\[{re.escape(section)}\].*?^{re.escape(key)} = )(\[[^\]]*\]|\"[^\"]*\"|\S+)"
        after = re.sub(line, lambda found: found[1] + value, before, count=1, flags=re.M | re.S)
        assert after != before, f"{section}.{key} is {value} already, or isn't there"
        self.toml.write_text(after, encoding="utf-8")

    @property
    def settings(self) -> dict[str, Any]:
        return tomllib.loads(self.toml.read_text(encoding="utf-8"))

    @property
    def env(self) -> dict[str, str]:
        """The variables of .env, secrets in the clear."""
        text = self.env_file.read_text(encoding="utf-8")
        return {name: value.reveal() for name, value in dotenv.parse(text, self.env_file).items()}

    @property
    def secrets(self) -> dict[str, str]:
        """What must never be seen anywhere: every password of .env. URLs hold the same ones."""
        return {n: v for n, v in self.env.items() if "PASSWORD" in n and v}

    @property
    def places(self) -> Layout:
        return layout(load(self.directory))

    @property
    def state(self) -> Path:
        return self.places.state

    @property
    def state_path(self) -> Path:
        """The same from the file alone, which may be wrong elsewhere."""
        text = (
            self.toml.read_text(encoding="utf-8", errors="replace") if self.toml.is_file() else ""
        )
        match = re.search(r'^state = "(/[^"]*)"', text, re.M)
        return Path(match[1]) if match else self.directory / "var"

    def pids(self) -> dict[str, identity.Running | None]:
        """The servers' processes, told apart from later ones with the same number."""
        return {home.server: identity.running(home) for home in self.places.homes}

    def pid(self, server: Server) -> int:
        found = self.pids()[server]
        assert found is not None, f"{server} does not run"
        return found.pid

    def operator(self, database: str | None = None) -> psycopg.Connection[Any]:
        """PostgreSQL's superuser, over the operator's socket."""
        return psycopg.connect(
            host=str(self.places.socket_folder),
            port=self.settings["postgres"]["port"],
            user="postgres",
            dbname=database or self.settings["postgres"]["database"],
            autocommit=True,
        )

    def connect(self, user: str | None = None, password: str | None = None) -> Any:
        """As a service connects: DATABASE_URL of .env; or as another role the same way."""
        url = self.env["DATABASE_URL"]
        changed = {"user": user, "password": password} if user else {}
        return psycopg.connect(url, autocommit=True, connect_timeout=10, **changed)  # type: ignore[arg-type]

    def migrator(self) -> Any:
        database = self.settings["postgres"]["database"]
        return self.connect(f"{database}_migrator", self.env["POSTGRES_MIGRATOR_PASSWORD"])

    @contextmanager
    def redis(self, server: Server = "redis", user: str | None = None) -> Iterator[redis.Redis]:
        """As a service connects (REDIS_URL), or as another user of the ACL file."""
        prefix = {"redis": "REDIS", "redis-durable": "REDIS_DURABLE"}[server]
        env = self.env
        url = env[f"{prefix}_URL"]
        if user is not None:
            password = env[f"{prefix}_{user.upper()}_PASSWORD"]
            url = f"rediss://{user}:{password}@{env[f'{prefix}_HOST']}:{env[f'{prefix}_PORT']}/0"
        client = redis.Redis.from_url(url, ssl_ca_certs=env["TLS_CA_FILE"], decode_responses=True)
        try:
            yield client
        finally:
            client.close()

    def admin(self, server: Server, *words: str) -> Any:
        """One command to a Redis server, as its administrator."""
        with self.redis(server, "admin") as client:
            return client.execute_command(*words)  # type: ignore[no-untyped-call]

    def setting(self, name: str) -> str:
        """What PostgreSQL itself says of one of its settings."""
        with self.operator() as connection:
            row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
        assert row is not None
        return str(row[0])

    def redis_setting(self, name: str, server: Server = "redis") -> str:
        answer: dict[str, str] = self.admin(server, "CONFIG", "GET", name)
        return answer[name]


def outcomes(report: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """What a report says of each line and each check."""
    return (
        {line["id"]: line["outcome"] for line in report["lines"]},
        {check["id"]: check["outcome"] for check in report["checks"]},
    )


def outcome(report: Mapping[str, Any], check: str) -> str:
    return outcomes(report)[1][check]


def bad(report: Mapping[str, Any]) -> dict[str, str]:
    """Lines and checks that fail or could not be read, with the reason."""
    found = [*report["lines"], *report["checks"]]
    return {
        entry["id"]: str({k: entry.get(k) for k in ("outcome", "reason", "actual", "expected")})
        for entry in found
        if entry["outcome"] not in GOOD
    }


def assert_all_good(report: Mapping[str, Any]) -> None:
    assert bad(report) == {}
    assert report["summary"]["lines"] == len(report["lines"]) == LINES


def wait_for(what: str, condition: Any, timeout: float = 30.0) -> None:
    """Wait until the condition holds; `what` names it for the failure."""
    deadline = monotonic() + timeout
    while not condition():
        assert monotonic() < deadline, f"after {timeout:g} s still not: {what}"
        sleep(0.02)


# --- what lies where


def kill(process: identity.Running | None) -> None:
    """kill -9, and wait until it is gone."""
    assert process is not None
    identity.send(process, signal.SIGKILL)
    assert identity.wait_until_gone(process, 30)


OTHERS_WRITE = (".lock", "var")
"""In a deployment directory: the lock, and (not as root) the servers' own data."""


def tree(*folders: Path, leave_out: Sequence[str] = OTHERS_WRITE) -> dict[str, str]:
    """Every path below these folders with its access and its content's digest."""
    found: dict[str, str] = {}
    for folder in folders:
        for path in [folder, *sorted(folder.rglob("*"))]:
            if not set(leave_out).isdisjoint(path.relative_to(folder).parts):
                continue
            state = path.lstat()
            if stat.S_ISLNK(state.st_mode):
                content = str(path.readlink())
            elif stat.S_ISREG(state.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                content = ""
            found[str(path)] = f"{state.st_mode:o} {state.st_uid}:{state.st_gid} {content}"
    return found


@contextmanager
def nothing_changes(*folders: Path, leave_out: Sequence[str] = OTHERS_WRITE) -> Iterator[None]:
    """No file below these folders is made, removed, written or given other access inside."""

    def look() -> dict[str, str]:
        return tree(*(folder for folder in folders if folder.exists()), leave_out=leave_out)

    before = look()
    yield
    assert look() == before


# --- making and taking away


def name_for_tests() -> str:
    return f"t{os.getpid()}-{next(_numbers)}-{random.randrange(16**4):04x}"


def initialised(directory: Path, *options: str, name: str | None = None) -> Deployment:
    """`rfdata init` with ports of our own. Who calls it takes it away with `taken_away`."""
    ports = reserve_ports()
    wish = f"--name={name or name_for_tests()}"
    call("-C", directory, "init", wish, *ports.options, *options)
    return Deployment(directory, ports)


@contextmanager
def deployment(directory: Path, *options: str, name: str | None = None) -> Iterator[Deployment]:
    """An initialised deployment that is taken down and away at the end, whatever happened."""
    with ExitStack() as stack:
        found = initialised(directory, *options, name=name)
        stack.callback(take_away, found)
        yield found


def take_away(found: Deployment) -> None:
    """`down`, the state folder that init chose, and whatever process is left of it."""
    state = found.state_path
    with suppress(subprocess.TimeoutExpired):
        call("-C", found.directory, "down", "--yes", code=None)
    left = processes_of(found.directory, state)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if state.parent == STATES and re.fullmatch(r"t\d+-\d+-.*", state.name) and state.exists():
        shutil.rmtree(state)
    make_removable(found.directory)


def make_removable(folder: Path) -> None:
    """Give pytest back the right to remove what a test has closed."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):
                path.chmod(path.stat().st_mode | stat.S_IRWXU)


def processes_of(directory: Path, state: Path) -> list[int]:
    """Living processes that name one of these folders in their arguments, or work in it."""
    wanted = [os.fsencode(directory), os.fsencode(state)]
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            with suppress(OSError):
                words.append(os.fsencode((entry / "cwd").readlink()))
            inside = any(
                word == folder or word.startswith(folder + b"/")
                for word in words
                for folder in wanted
            )
            if inside and identity.started(int(entry.name)) is not None:
                found.append(int(entry.name))
    return found


def server_parents(found: Deployment) -> dict[str, list[int]]:
    """Per server, every process that was started as that server and is nobody's child of ours."""
    parents: dict[str, list[int]] = {}
    for home in found.places.homes:
        mine = [pid for pid in processes_of(home.data, home.conf) if _is_server(pid)]
        parents[home.server] = [pid for pid in mine if _parent(pid) not in mine]
    return parents


def agents(found: Deployment) -> list[int]:
    """The processes that watch this deployment's servers."""
    everyone = processes_of(found.directory, found.directory)
    return [p for p in everyone if b"agent" in Path(f"/proc/{p}/cmdline").read_bytes()]


def _is_server(pid: int) -> bool:
    return (identity.program(pid) or "").startswith(("postgres", "redis"))


def _parent(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])


def steps_needed(found: Deployment) -> list[str]:
    """What `rfdata plan` would show, asked inside this process: half a second less."""
    config = load(found.directory)
    target = open_target(config)
    facts = target.gather(config)
    return [step.summary for step in make_plan(config, target.desired(config, facts), facts).steps]


def leftovers(found: Deployment) -> list[str]:
    """What an interrupted change leaves beside the files, and should be gone after the next `up`."""
    marks = ("*.rfdata-new", "data.new*")
    return [
        str(path)
        for folder in (found.directory, found.state)
        for mark in marks
        for path in folder.rglob(mark)
    ]


def drain(stream: IO[str] | None) -> str:
    assert stream is not None
    text = stream.read()
    stream.close()
    return text


def records(found: Deployment) -> list[dict[str, Any]]:
    """The evidence log, line by line."""
    return [json.loads(line) for line in found.evidence_log.read_text().splitlines()]
