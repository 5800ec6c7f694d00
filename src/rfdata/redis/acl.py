"""Who may do what in Redis: the ACL file, and reading back what the server made of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from rfdata.model.facts import AclUser
from rfdata.redis.instance import USERS, User
from rfdata.secrets import Secret

_APP = (
    "~*",
    "&*",
    "+@all",
    "-@dangerous",
    # Queue libraries read INFO for version and eviction policy, and CLIENT LIST for their workers.
    "(resetchannels -@all +info +client|list)",
)
_MONITOR_COMMANDS = (
    "acl|whoami",
    "client|getname",
    "client|info",
    "client|list",
    "client|setname",
    "config|get",
    "dbsize",
    "hello",
    "info",
    "lastsave",
    "latency|doctor",
    "latency|histogram",
    "latency|history",
    "latency|latest",
    "memory|doctor",
    "memory|stats",
    "ping",
    "role",
    "slowlog|get",
    "slowlog|len",
)
RULES: Mapping[User, tuple[str, ...]] = {
    "default": _APP,
    "admin": ("~*", "&*", "+@all"),
    "monitor": ("resetchannels", "-@all", *(f"+{command}" for command in _MONITOR_COMMANDS)),
}
"""What each user may do, in the words in which Redis 7 prints it back."""

_SELECTOR = re.compile(r"\([^)]*\)")
_DEFAULTS = {"resetchannels", "resetkeys", "-@all", "sanitize-payload", ""}
"""What a user begins with anyway: printed by some versions, not by others."""


def password_hash(password: Secret) -> str:
    """The form in which Redis keeps a password: SHA-256 in hexadecimal.

    It is unsalted, which is enough only because our passwords carry 256 random bits.
    """
    return hashlib.sha256(password.reveal().encode()).hexdigest()


def render(passwords: Mapping[User, Secret]) -> str:
    """The ACL file: one line a user, with password hashes only. Redis allows no comments in it."""
    return "".join(
        f"user {user} on #{password_hash(passwords[user])} {' '.join(RULES[user])}\n"
        for user in USERS
    )


def parse(
    lines: Iterable[str], passwords: Mapping[User, Secret] | Mapping[str, Secret]
) -> dict[str, AclUser]:
    """ACL LIST, with each user's password held against the one in .env."""
    hashes: dict[str, str] = {name: password_hash(each) for name, each in passwords.items()}
    users = (_user(line, hashes) for line in lines if line.strip())
    return dict(users)


def departures(found: Mapping[str, AclUser]) -> tuple[str, ...]:
    """In one line each: where the server's users differ from what the ACL file says."""
    told = [f"{name}: not one of our users" for name in sorted(set(found) - set(USERS))]
    for name in USERS:
        user = found.get(name)
        if user is None:
            told.append(f"{name}: missing")
            continue
        if not user.enabled:
            told.append(f"{name}: switched off")
        if user.no_password:
            told.append(f"{name}: needs no password")
        elif not user.password_matches:
            told.append(f"{name}: another password than in .env")
        if meaning(user.rules) != meaning(" ".join(RULES[name])):
            told.append(f"{name}: other rules: {user.rules}")
    return tuple(told)


def meaning(rules: str) -> frozenset[frozenset[str]]:
    """Rules without their order and without what is understood; selectors apart.

    Redis 7.0 prints commands in an order of its own.

    >>> meaning("resetchannels -@all +ping +info") == meaning("+info +ping")
    True
    """
    selectors = [found.strip("()") for found in _SELECTOR.findall(rules)]
    parts = [_SELECTOR.sub(" ", rules), *selectors]
    return frozenset(frozenset(part.split()) - _DEFAULTS for part in parts)


def _user(line: str, hashes: Mapping[str, str]) -> tuple[str, AclUser]:
    """One line of ACL LIST: `user NAME on|off [nopass] #HASH… RULES`."""
    words = line.split()
    name, flags = words[1], words[2:]
    found = [word.removeprefix("#") for word in flags if word.startswith("#")]
    rules = [word for word in flags if not word.startswith("#") and word not in _FLAGS]
    return name, AclUser(
        enabled="on" in flags,
        no_password="nopass" in flags,
        password_matches=found == [hashes.get(name)],
        rules=" ".join(rules),
    )


_FLAGS = {"on", "off", "nopass"}


def identity(line: str) -> tuple[str, frozenset[str], frozenset[frozenset[str]]]:
    """A user's line in a form in which equal users are equal, however they are spelled."""
    words = line.split()
    flags = {word for word in words[2:] if word.startswith("#") or word in _FLAGS}
    rules = [word for word in words[2:] if word not in flags]
    return words[1], frozenset(flags), meaning(" ".join(rules))
