"""Everything that is read of one Redis server, as chains of readings that run beside each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rfdata.config.load import Config
from rfdata.errors import Unreachable
from rfdata.model.fact import Fact
from rfdata.model.facts import AclUser, LogState, Probe, Probes, RedisFacts, Server
from rfdata.readings import Chain, Reading, single
from rfdata.redis import acl, logs, probes
from rfdata.redis.client import Login, Refused, Session, foreign, managed, session
from rfdata.redis.instance import USERS, User, field, password, prefix
from rfdata.secrets import Secret

SECRET_SETTINGS = frozenset(
    {"requirepass", "masterauth", "tls-key-file-pass", "tls-client-key-file-pass"}
)
DATABASES = (0, 1)
_PROBES: Mapping[str, Callable[[Login, float], Probe]] = {
    "login": probes.login,
    "plaintext": probes.plaintext,
    "wrong_password": probes.wrong_password,
    "no_password": probes.no_password,
    "foreign_ca": probes.foreign_ca,
    "old_tls": probes.old_tls,
}
_NOT_HERE = "Redis has no rules for addresses: it listens on some or doesn't (see bind)"
_FOREIGN_LOG = "someone else's server: its log can't be read from here"


def chains(
    config: Config, server: Server, host: str, port: int, log_dir: Path | None
) -> list[Chain[Any]]:
    """What to read of a server. `log_dir` is None where its files are out of reach.

    On an external target `host` and `port` don't count: they come, with the user, from the URL in .env.
    """
    timeout = config.settings.verify.fact_timeout
    name = field(server)
    where = _where(config, server, host, port)

    def login(user: User) -> Login:
        if config.target == "external":
            return foreign(config, server)
        return managed(config, server, host, port, user)

    operator = Chain(
        lambda: session(login("admin"), timeout),
        (
            Reading(f"{name}.info", f"INFO everything at {where}", _info),
            Reading(f"{name}.settings", f"CONFIG GET * at {where}", _settings),
            Reading(f"{name}.acl", f"ACL LIST at {where}", lambda s: _acl(s, config, server)),
        ),
    )
    admitted = single(
        f"{name}.admitted", f"AUTH as the admin user at {where}", lambda: _admitted(login, timeout)
    )
    app = Chain(
        lambda: session(login("default"), timeout),
        (
            Reading(
                f"{name}.databases", f"SELECT 0, SELECT 1 as the app user at {where}", _databases
            ),
        ),
    )
    log = single(f"{name}.log", _log_place(log_dir), lambda: _log(log_dir))
    attempts = [
        single(
            f"{name}.probes.{kind}",
            f"{kind.replace('_', ' ')} probe at {where}",
            _attempt(probe, login, timeout),
        )
        for kind, probe in _PROBES.items()
    ]
    network = single(f"{name}.probes.foreign_network", "not tried", _no_network_rules)
    return [operator, admitted, app, log, *attempts, network]


def build(found: Mapping[str, Fact[Any]], server: Server) -> RedisFacts:
    """The facts of one server from what `readings.take` found."""
    name = field(server)
    return RedisFacts(
        admitted=found[f"{name}.admitted"],
        info=found[f"{name}.info"],
        settings=found[f"{name}.settings"],
        acl=found[f"{name}.acl"],
        databases=found[f"{name}.databases"],
        log=found[f"{name}.log"],
        probes=Probes(
            **{kind: found[f"{name}.probes.{kind}"] for kind in _PROBES},
            foreign_network=found[f"{name}.probes.foreign_network"],
        ),
    )


def _where(config: Config, server: Server, host: str, port: int) -> str:
    if config.target == "external":
        return f"the server of {prefix(server)}_URL"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _attempt(
    probe: Callable[[Login, float], Probe], login: Callable[[User], Login], timeout: float
) -> Callable[[], Probe]:
    return lambda: probe(login("default"), timeout)


def _admitted(login: Callable[[User], Login], timeout: float) -> bool:
    try:
        with session(login("admin"), timeout):
            return True
    except Refused:
        return False


def _info(session: Session) -> Mapping[str, str]:
    """INFO's lines, flat: `name:value`, headings left out."""
    lines = str(session.call("INFO", "everything")).splitlines()
    pairs = (line.partition(":") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def _settings(session: Session) -> Mapping[str, str]:
    found = session.pairs("CONFIG", "GET", "*")
    return {name: value for name, value in found.items() if name not in SECRET_SETTINGS}


def _acl(session: Session, config: Config, server: Server) -> Mapping[str, AclUser]:
    passwords: dict[str, Secret]
    if config.target == "external":
        login = foreign(config, server)
        passwords = {login.user or "default": login.password or Secret("")}
    else:
        passwords = {user: password(config, server, user) for user in USERS}
    return acl.parse([str(line) for line in session.call("ACL", "LIST")], passwords)


def _databases(session: Session) -> frozenset[int]:
    return frozenset(number for number in DATABASES if _selectable(session, number))


def _selectable(session: Session, number: int) -> bool:
    try:
        return bool(session.call("SELECT", number) == "OK")
    except Refused:
        return False


def _log_place(log_dir: Path | None) -> str:
    return str(log_dir / logs.PATTERN) if log_dir is not None else "not tried"


def _log(log_dir: Path | None) -> LogState:
    if log_dir is None:
        raise Unreachable(_FOREIGN_LOG)
    return logs.state(log_dir)


def _no_network_rules() -> Probe:
    raise Unreachable(_NOT_HERE)
