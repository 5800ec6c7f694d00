"""Changing a running Redis: one setting, a reload that cuts nobody off, a stop that loses nothing."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic, sleep

from rfdata.errors import ChangeFailed, Unreachable
from rfdata.model.plan import SetRedisSetting
from rfdata.redis import acl
from rfdata.redis.client import Login, Refused, Session, session
from rfdata.redis.settings import RedisPaths

TIMEOUT = 10.0
"""Seconds for each answer."""
_POLL = 0.02
STOP_TIMEOUT = 60.0
"""Seconds for the last flush, or for a whole snapshot where there is no AOF."""


def change_setting(login: Login, action: SetRedisSetting) -> None:
    """CONFIG SET, at once and for this run; the rendered file holds it for the next one."""
    with session(login, TIMEOUT) as line:
        _change(line, "CONFIG", "SET", action.name, action.value)


def reload(login: Login, paths: RedisPaths) -> None:
    """Let the server take up its certificates, and its users where the ACL file differs from them.

    Open connections stay, the services' above all. Only an ACL LOAD closes those of admin and
    monitor (Redis 7.0 frees every user but `default`), so it is sent last and only when needed.
    """
    with session(login, TIMEOUT) as line:
        _change(line, "CONFIG", "SET", *_tls(paths))
        if _users_differ(line, paths):
            _change(line, "ACL", "LOAD")


def shut_down(login: Login) -> None:
    """Ask the server to write everything and end. It is gone soon after this returns.

    With a working AOF, NOSAVE loses nothing: Redis writes and syncs the AOF before it ends.
    Without one, only a snapshot keeps the data, so SAVE is demanded.
    """
    with session(login, STOP_TIMEOUT) as line:
        how = "NOSAVE" if _logged_to_disk(line) else "SAVE"
        try:
            line.call("SHUTDOWN", how)
        except Refused as error:
            raise ChangeFailed(
                f"{login.where}: Redis refuses to stop, since data would be lost: {error.message}",
                hint="look into its log: most often the disk is full. Then run the same again",
            ) from error
        except Unreachable:
            return  # it hung up: that is its yes


def _tls(paths: RedisPaths) -> tuple[str, ...]:
    """The three files in one command, so that key and certificate change together."""
    return (
        *("tls-cert-file", str(paths.certificate)),
        *("tls-key-file", str(paths.key)),
        *("tls-ca-cert-file", str(paths.ca)),
    )


def _users_differ(line: Session, paths: RedisPaths) -> bool:
    live = {acl.identity(str(user)) for user in line.call("ACL", "LIST")}
    try:
        text = paths.acl.read_text(encoding="utf-8")
    except OSError as error:
        raise ChangeFailed(f"{paths.acl}: {error.strerror}", hint="run `rfdata up`") from error
    return live != {acl.identity(user) for user in text.splitlines() if user.strip()}


def _logged_to_disk(line: Session) -> bool:
    """Whether the AOF is whole and working.

    One that was switched on a moment ago becomes whole with its first rewrite; until then Redis
    would refuse to stop, so we wait.
    """
    deadline = monotonic() + STOP_TIMEOUT
    found = _persistence(line)
    while _first_rewrite_runs(found) and monotonic() < deadline:
        sleep(_POLL)
        found = _persistence(line)
    return found["aof_enabled"] == "1" and found["aof_last_write_status"] == "ok"


def _first_rewrite_runs(found: Mapping[str, str]) -> bool:
    at_work = found["aof_rewrite_in_progress"] == "1" or found["aof_rewrite_scheduled"] == "1"
    return at_work and found.get("aof_base_size", "") == "0"


def _persistence(line: Session) -> Mapping[str, str]:
    parts = str(line.call("INFO", "persistence")).splitlines()
    return dict(part.split(":", 1) for part in parts if ":" in part)


def _change(line: Session, *words: str) -> None:
    try:
        line.call(*words)
    except Refused as error:
        raise ChangeFailed(
            error.message, hint="nothing was changed by this step; mend it and run the same again"
        ) from error
