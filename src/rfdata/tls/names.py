"""The names that stand in a server's certificate."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path

from rfdata.config.load import Config
from rfdata.model.facts import Server

_HOSTS = Path("/etc/hosts")
_DNS_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")


def default_names(config: Config, server: Server) -> tuple[str, ...]:
    """The names that clients may use for a server: loopback, this host, the configured ones.

    This host's own names come from the kernel and /etc/hosts, not from DNS: an answer that
    changes by the minute would make every plan ask for new certificates.
    """
    settings = config.settings
    hosts = {
        "postgres": settings.postgres.host,
        "redis": settings.redis.host,
        "redis-durable": settings.redis_durable.host,
    }
    wanted = (
        *("localhost", "127.0.0.1", "::1"),
        *_own_names(),
        *(hosts[server], server),
        *settings.tls.names,
    )
    return tuple(dict.fromkeys(canonical_name(name) for name in wanted))


def canonical_name(name: str) -> str:
    """A name as it stands in a certificate.

    >>> canonical_name("DB.Example.org"), canonical_name("0:0::1")
    ('db.example.org', '::1')
    """
    found = address(name)
    return str(found) if found is not None else name.lower()


def address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _own_names() -> tuple[str, ...]:
    host = os.uname().nodename
    names = [host]
    for line in _lines(_HOSTS):
        known = line.partition("#")[0].split()[1:]
        if host in known and "." in known[0]:
            names.append(known[0])
    return tuple(name for name in names if _DNS_NAME.fullmatch(name))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
