"""The one place that runs programs. A command is a value; `run` executes it."""

from __future__ import annotations

import os
import pwd
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple
from urllib.parse import unquote

from rfdata.errors import ProgramFailed, ProgramMissing, ProgramTimedOut, UsageError
from rfdata.secrets import REDACTED, Secret

SAFE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TAIL_LINES = 12
TAIL_LENGTH = 4000
"""Characters."""
GRACE = 1.0
"""Seconds that a program has to clean up (initdb removes what it began) before it is killed."""
_WORD = 8
"""Shorter pieces of a secret input are words like SELECT, not passwords."""


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
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)
    secrets: tuple[Secret, ...] = field(default=(), repr=False)
    """What the program was given and may have echoed."""

    @property
    def tail(self) -> str:
        """The last lines that the program printed, for an error message; without its secrets."""
        text = self.stderr if self.stderr.strip() else self.stdout
        shown = "\n".join(text.strip("\n").split("\n")[-TAIL_LINES:])
        for secret in sorted(self.secrets, key=len, reverse=True):
            shown = shown.replace(secret.reveal(), REDACTED)
        return shown.strip()[-TAIL_LENGTH:]


def run(command: Command, *, check: bool = True) -> Completed:
    """Run to the end and return what it printed.

    Raises ProgramMissing, ProgramTimedOut and, where `check`, ProgramFailed with the output's tail.
    A program that takes too long, or is interrupted, ends together with all that it started.
    """
    stdin = command.stdin.reveal() if isinstance(command.stdin, Secret) else command.stdin
    identity = _identity(command.user)
    with (
        _explained(command),
        subprocess.Popen(
            command.argv,
            env=_environment(command),
            cwd=command.cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            user=identity.uid,
            group=identity.gid,
            extra_groups=identity.groups,
        ) as process,
    ):
        try:
            stdout, stderr = process.communicate(stdin or "", command.timeout)
        except BaseException:
            _end(process.pid)
            raise
    completed = Completed(process.returncode, stdout, stderr, tuple(_secrets(command)))
    if check and completed.code != 0:
        raise ProgramFailed(
            f"{Path(command.argv[0]).name} ended with {completed.code}: {completed.tail}"
        )
    return completed


def start(command: Command, *, output: Path) -> int:
    """Start a program that outlives us, in a session of its own; its output is appended to a file.

    Returns its process id.
    """
    identity = _identity(command.user)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        with _explained(command):
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
    finally:
        os.close(descriptor)
    process.returncode = 0  # it is not ours to wait for: no warning when it is collected
    pid: int = process.pid
    return pid


@contextmanager
def _explained(command: Command) -> Iterator[None]:
    """Why a program did not run, in words."""
    program = command.argv[0]
    try:
        yield
    except FileNotFoundError as error:
        raise _missing(command) from error
    except PermissionError as error:
        raise ProgramMissing(f"{program}: not allowed to run it: {error}") from error
    except OSError as error:
        raise ProgramMissing(f"{program} can't be run: {error.strerror or error}") from error
    except subprocess.TimeoutExpired:
        raise ProgramTimedOut(
            f"{program} did not end within {command.timeout:g} s",
            hint="look at what it waits for, then run the same command again",
        ) from None  # the cause holds all that it printed


def _end(leader: int) -> None:
    """End a program and all that it started, first with a request; its leader is still to be waited for."""
    with suppress(ProcessLookupError, ChildProcessError):
        os.killpg(leader, signal.SIGTERM)
        deadline = monotonic() + GRACE
        gone = os.WEXITED | os.WNOHANG | os.WNOWAIT
        while os.waitid(os.P_PID, leader, gone) is None and monotonic() < deadline:
            sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _secrets(command: Command) -> Iterator[Secret]:
    """Everything secret that a program was given, as it might print it: whole, or a part."""
    for value in command.env.values():
        if isinstance(value, Secret):
            yield from _pieces(value.reveal(), r"\n")
            if match := re.search(r"://[^:/?#]*:([^@/?#]+)@", value.reveal()):
                yield from (Secret(match[1]), Secret(unquote(match[1])))
    if isinstance(command.stdin, Secret):
        yield from _pieces(command.stdin.reveal(), r"\n", r"[\s'\"=;,()]+")


def _pieces(text: str, *separators: str) -> Iterator[Secret]:
    words = {word for each in separators for word in re.split(each, text) if len(word) >= _WORD}
    return (Secret(piece) for piece in {text, text.strip(), *words} if piece)


def _missing(command: Command) -> ProgramMissing:
    program = command.argv[0]
    if command.cwd is not None and not command.cwd.is_dir():
        return ProgramMissing(f"{program}: its working directory {command.cwd} does not exist")
    if "/" in program and Path(program).exists():
        return ProgramMissing(f"{program}: the interpreter that its first line names is missing")
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
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise UsageError(
            f"there is no system user {user!r}", hint="create it, or name another"
        ) from error
    return _Identity(entry.pw_uid, entry.pw_gid, os.getgrouplist(user, entry.pw_gid))
