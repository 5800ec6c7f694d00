"""The one place that runs programs. A command is a value; `run` executes it."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rfdata.errors import ProgramFailed, ProgramMissing, ProgramTimedOut
from rfdata.secrets import Secret

SAFE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TAIL_LINES = 12


@dataclass(frozen=True)
class Command:
    """A program to run: arguments are plain strings, so a `Secret` can't get into argv."""

    argv: tuple[str, ...]
    env: Mapping[str, str | Secret] = field(default_factory=dict)
    inherit_env: bool = False
    """True hands over our whole environment (package managers need proxies and certificates)."""
    user: str | None = None
    """Run as this system user; only root may. None: as ourselves."""
    cwd: Path | None = None
    stdin: str | Secret | None = None
    timeout: float = 60.0
    """Seconds."""

    def __str__(self) -> str:
        return " ".join(self.argv)


@dataclass(frozen=True)
class Completed:
    code: int
    stdout: str
    stderr: str

    @property
    def tail(self) -> str:
        """The last lines that the program printed, for an error message."""
        text = self.stderr.strip() or self.stdout.strip()
        return "\n".join(text.splitlines()[-TAIL_LINES:])


def run(command: Command, *, check: bool = True) -> Completed:
    """Run to the end and return what it printed.

    Raises ProgramMissing, ProgramTimedOut and, where `check`, ProgramFailed with the output's tail.
    """
    stdin = command.stdin.reveal() if isinstance(command.stdin, Secret) else command.stdin
    identity = _identity(command.user)
    try:
        done = subprocess.run(
            command.argv,
            env=_environment(command),
            cwd=command.cwd,
            input=stdin if stdin is not None else "",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=command.timeout,
            user=identity.uid,
            group=identity.gid,
            extra_groups=identity.groups,
        )
    except FileNotFoundError as error:
        raise _missing(command) from error
    except PermissionError as error:
        raise ProgramMissing(f"{command.argv[0]}: not allowed to run it: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise ProgramTimedOut(
            f"{command.argv[0]} did not end within {command.timeout:g} s",
            hint="look at what it waits for, then run the same command again",
        ) from error
    completed = Completed(done.returncode, done.stdout, done.stderr)
    if check and completed.code != 0:
        raise ProgramFailed(
            f"{Path(command.argv[0]).name} ended with {completed.code}: {completed.tail}"
        )
    return completed


def start(command: Command, *, output: Path) -> int:
    """Start a program that outlives us, in a session of its own; its output is appended to a file.

    Returns its process id.
    """
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    identity = _identity(command.user)
    try:
        process = subprocess.Popen(
            command.argv,
            env=_environment(command),
            cwd=command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            user=identity.uid,
            group=identity.gid,
            extra_groups=identity.groups,
        )
    except FileNotFoundError as error:
        raise _missing(command) from error
    finally:
        os.close(descriptor)
    process.returncode = 0  # it is not ours to wait for: no warning when it is collected
    pid: int = process.pid
    return pid


def _missing(command: Command) -> ProgramMissing:
    program = command.argv[0]
    if command.cwd is not None and not command.cwd.is_dir():
        return ProgramMissing(f"{program}: its working directory {command.cwd} does not exist")
    return ProgramMissing(f"{program} is not on this machine", hint="run `rfdata doctor`")


def _environment(command: Command) -> dict[str, str]:
    base = dict(os.environ) if command.inherit_env else {"PATH": SAFE_PATH, "LC_ALL": "C.UTF-8"}
    given = {
        name: value.reveal() if isinstance(value, Secret) else value
        for name, value in command.env.items()
    }
    return base | given


class _Identity(NamedTuple):
    uid: int | None = None
    gid: int | None = None
    groups: list[int] | None = None


def _identity(user: str | None) -> _Identity:
    if user is None or os.geteuid() != 0:
        return _Identity()
    entry = pwd.getpwnam(user)
    return _Identity(entry.pw_uid, entry.pw_gid, os.getgrouplist(user, entry.pw_gid))
