"""redis.conf as a pure function of the configuration: each setting with its value, why, and effect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rfdata.config.load import Config
from rfdata.config.quantities import format_size
from rfdata.model.facts import Server
from rfdata.redis.instance import section

Effect = Literal["set", "restart"]
"""How a change reaches a running server: CONFIG SET at once, or only with a restart."""


@dataclass(frozen=True, slots=True)
class RedisPaths:
    """Where one server's files lie. Absolute and without symbolic links (Redis reports them so)."""

    data: Path
    log: Path
    """The log file."""
    pid: Path
    acl: Path
    tls: Path
    """The folder whose link `current` names server.crt, server.key and ca.crt."""
    supervised: bool = False
    """systemd runs the server: it stays in the foreground and says when it is ready."""

    @property
    def certificate(self) -> Path:
        return self.tls / "current" / "server.crt"

    @property
    def key(self) -> Path:
        return self.tls / "current" / "server.key"

    @property
    def ca(self) -> Path:
        return self.tls / "current" / "ca.crt"


@dataclass(frozen=True, slots=True)
class Desired:
    """What one setting should be."""

    value: str
    """As CONFIG SET takes it; sizes may carry a unit."""
    why: str
    effect: Effect


@dataclass(frozen=True, slots=True)
class Change:
    """One setting of a running server that isn't as desired."""

    name: str
    before: str
    after: str
    why: str
    effect: Effect


def desired(config: Config, server: Server, paths: RedisPaths) -> Mapping[str, Desired]:
    """Every setting that we stand for, by Redis's own name."""
    return {
        **_network(config, server, paths),
        **_files(paths),
        **_memory(config, server),
        **_durability(config, server),
        **_behaviour(),
    }


def render(settings: Mapping[str, Desired]) -> str:
    """The text of redis.conf. It holds no secret: passwords are hashes in the ACL file."""
    lines = ["# Written by rfdata from rfdata.toml: edit that, then run `rfdata up`.", ""]
    for name, setting in settings.items():
        lines += [f"# {setting.why}", *_lines(name, setting.value), ""]
    return "\n".join(lines)


def differences(settings: Mapping[str, Desired], live: Mapping[str, str]) -> tuple[Change, ...]:
    """What CONFIG GET shows otherwise than desired; values that mean the same are the same.

    >>> want = {"maxmemory": Desired("1GB", "", "set"), "save": Desired("3600 1", "", "set")}
    >>> differences(want, {"maxmemory": "1073741824", "save": "3600 1"})
    ()
    """
    return tuple(
        Change(name, live.get(name, ""), setting.value, setting.why, setting.effect)
        for name, setting in settings.items()
        if name not in live or normal(name, live[name]) != normal(name, setting.value)
    )


def normal(name: str, value: str) -> str:
    """A value in one form: sizes in bytes, words in lower case where Redis doesn't mind the case.

    >>> normal("client-output-buffer-limit", "replica 256mb 64mb 60")
    'slave 268435456 67108864 60'
    """
    if name in _PATHS:
        return value
    words = value.split()
    if name == "client-output-buffer-limit":
        groups = {words[i]: words[i + 1 : i + 4] for i in range(0, len(words), 4)}
        found = {"slave" if key == "replica" else key: sizes for key, sizes in groups.items()}
        return " ".join(
            f"{key} {' '.join(_bytes(size) for size in found[key])}" for key in sorted(found)
        )
    if name in _SIZES:
        return _bytes(value)
    if name == "tls-protocols":
        return " ".join(sorted(word.lower() for word in words))
    return " ".join(words).lower()


_PATHS = {
    "dir",
    "pidfile",
    "logfile",
    "aclfile",
    "tls-cert-file",
    "tls-key-file",
    "tls-ca-cert-file",
}
_SIZES = {"maxmemory", "maxmemory-clients", "auto-aof-rewrite-min-size"}
_LISTS = {"bind": None, "save": None, "client-output-buffer-limit": 4}
"""Settings of several words, and how many a line takes. Every other value is one word, however long."""
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+-]+")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_SIZE = re.compile(r"(\d+)([a-z]*)")
_UNITS = {
    "": 1,
    "b": 1,
    "k": 1000,
    "kb": 1024,
    "m": 1000**2,
    "mb": 1024**2,
    "g": 1000**3,
    "gb": 1024**3,
}


def _network(config: Config, server: Server, paths: RedisPaths) -> dict[str, Desired]:
    redis = section(config, server)
    return {
        "bind": Desired(" ".join(redis.listen_addresses), "Only these addresses listen.", "set"),
        "protected-mode": Desired(
            "yes", "Should the default user ever lose its password, nobody outside gets in.", "set"
        ),
        "port": Desired("0", "No plaintext port.", "set"),
        "tls-port": Desired(str(redis.port), "The only way in.", "set"),
        "tls-cert-file": Desired(
            str(paths.certificate), "Renewed by moving the link `current`.", "set"
        ),
        "tls-key-file": Desired(str(paths.key), "Its key, for the server's user only.", "set"),
        "tls-ca-cert-file": Desired(str(paths.ca), "The deployment's own CA.", "set"),
        "tls-auth-clients": Desired(
            "no", "Clients prove themselves with a password, not with a certificate.", "set"
        ),
        "tls-protocols": Desired("TLSv1.2 TLSv1.3", "Older versions are broken.", "set"),
        "tls-prefer-server-ciphers": Desired("yes", "The stronger side chooses.", "set"),
        "tcp-keepalive": Desired("60", "Seconds until a vanished client is noticed.", "set"),
        "timeout": Desired("0", "Idle connections of pools stay open.", "set"),
        "maxclients": Desired(
            "4000", "Fits into the usual limit of 4096 open files; each costs memory.", "set"
        ),
    }


def _files(paths: RedisPaths) -> dict[str, Desired]:
    return {
        "dir": Desired(str(paths.data), "Where AOF and snapshots lie.", "restart"),
        "pidfile": Desired(str(paths.pid), "By it the server is found again.", "restart"),
        "logfile": Desired(
            str(paths.log), "Opened for each line: rotation needs no signal.", "restart"
        ),
        "loglevel": Desired("notice", "What an operator wants to know.", "set"),
        "aclfile": Desired(str(paths.acl), "Users, with hashes of their passwords.", "restart"),
        "daemonize": Desired(
            "no" if paths.supervised else "yes",
            "systemd keeps it in the foreground." if paths.supervised else "Outlives its starter.",
            "restart",
        ),
        "supervised": Desired(
            "systemd" if paths.supervised else "no", "Who is told when it is ready.", "restart"
        ),
        "databases": Desired("16", "0 is the services' own, 1 the collab service's.", "restart"),
    }


def _memory(config: Config, server: Server) -> dict[str, Desired]:
    redis = section(config, server)
    keeps = redis.maxmemory_policy == "noeviction"
    return {
        "maxmemory": Desired(_size(redis.maxmemory), "Data; buffers and forks come on top.", "set"),
        "maxmemory-policy": Desired(
            redis.maxmemory_policy,
            "Nothing is evicted: when full, writes fail and say so."
            if keeps
            else "When full, these keys go first.",
            "set",
        ),
        "maxmemory-clients": Desired(
            "20%", "All client buffers together; the greediest client is cut off first.", "set"
        ),
        "client-output-buffer-limit": Desired(
            "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60",
            "A subscriber that doesn't read is cut off.",
            "set",
        ),
        "lazyfree-lazy-eviction": Desired("yes", "Freed beside, not in the way.", "set"),
        "lazyfree-lazy-expire": Desired("yes", "The same for what expires.", "set"),
        "lazyfree-lazy-server-del": Desired("yes", "The same for what is overwritten.", "set"),
        "lazyfree-lazy-user-del": Desired("yes", "The same for DEL.", "set"),
    }


def _durability(config: Config, server: Server) -> dict[str, Desired]:
    redis = section(config, server)
    lost = {
        "always": "Written through before the answer: nothing acknowledged is lost.",
        "everysec": "Written through each second: at most that is lost.",
        "no": "Written through when the kernel likes.",
    }
    return {
        "appendonly": Desired("yes", "Every change is logged.", "set"),
        "appendfsync": Desired(redis.appendfsync, lost[redis.appendfsync], "set"),
        "no-appendfsync-on-rewrite": Desired(
            "no", "The promise of appendfsync holds during a rewrite too.", "set"
        ),
        "aof-use-rdb-preamble": Desired("yes", "Loads several times faster.", "set"),
        "aof-load-truncated": Desired(
            "yes",
            "After a crash a half-written last command is dropped, not a reason to stay down.",
            "set",
        ),
        "auto-aof-rewrite-percentage": Desired("100", "Rewritten at twice its size.", "set"),
        "auto-aof-rewrite-min-size": Desired("64mb", "Below that it isn't worth a fork.", "set"),
        "save": Desired("3600 1", "A snapshot each hour in which anything changed.", "set"),
        "stop-writes-on-bgsave-error": Desired(
            "yes", "A full disk is noticed at once, not at the next restore.", "set"
        ),
        "rdbchecksum": Desired("yes", "A damaged snapshot is found when it is read.", "restart"),
    }


def _behaviour() -> dict[str, Desired]:
    return {
        "enable-debug-command": Desired("no", "DEBUG can crash the server.", "restart"),
        "enable-module-command": Desired("no", "MODULE LOAD runs foreign code.", "restart"),
        "enable-protected-configs": Desired(
            "no", "Nobody moves the data folder by CONFIG SET.", "restart"
        ),
        "slowlog-log-slower-than": Desired("10000", "Microseconds.", "set"),
        "slowlog-max-len": Desired("256", "Entries; each is small.", "set"),
        "latency-monitor-threshold": Desired("100", "Milliseconds.", "set"),
    }


def _lines(name: str, value: str) -> Iterator[str]:
    words = value.split() if name in _LISTS else [value]
    size = _LISTS.get(name) or len(words)
    for start in range(0, len(words), size):
        yield " ".join((name, *map(quoted, words[start : start + size])))


def quoted(word: str) -> str:
    r"""A word as redis.conf and ACL files want it: in double quotes where it isn't plain.

    >>> print(quoted("/srv/Müllers \"Daten\""))
    "/srv/Müllers \"Daten\""
    """
    if _PLAIN.fullmatch(word):
        return word
    return f'"{word.translate(_ESCAPES)}"'


def _size(size: int) -> str:
    """As Redis reads it: it knows no terabytes."""
    text = format_size(size)
    return text if not text.endswith("TB") else f"{size // _UNITS['gb']}GB"


def _bytes(size: str) -> str:
    match = _SIZE.fullmatch(size.strip().lower())
    if match is None or match[2] not in _UNITS:
        return size.strip().lower()
    return str(int(match[1]) * _UNITS[match[2]])
