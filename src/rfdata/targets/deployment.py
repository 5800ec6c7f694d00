"""What is read of the deployment directory itself: the same on every target."""

from __future__ import annotations

import grp
import hashlib
import pwd
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from rfdata import shell
from rfdata.config import env as dotenv
from rfdata.config.load import ENV, Config, read_text
from rfdata.config.services import password_variable
from rfdata.errors import Unreachable, UsageError
from rfdata.evidence import log
from rfdata.model.evidence import Statements
from rfdata.model.fact import Fact
from rfdata.model.facts import EnvFacts, FileState, GitState, SecretStrength, UrlParts
from rfdata.readings import Chain, single, together
from rfdata.secrets import Secret, entropy_bits

EXAMPLE = ".env.example"
TEMPLATE = ".env.production.template"
FOLDERS = ("certs", "migrations")
_PORTS = {"postgresql": 5432, "postgres": 5432, "redis": 6379, "rediss": 6379}
_PASSWORDS = {
    "DATABASE_URL": "POSTGRES_PASSWORD",
    **{url: password_variable(service) for service, url in dotenv.SERVICE_URLS.items()},
    "REDIS_URL": "REDIS_PASSWORD",
    "REDIS_DURABLE_URL": "REDIS_DURABLE_PASSWORD",
}


def env_chains(config: Config) -> list[Chain[Any]]:
    """Readings of `.env` and its siblings."""
    folder = config.directory
    path = folder / ENV
    variables = config.env
    local = [
        single("env.file", str(path), lambda: file_state(path)),
        single(
            "env.names", str(path), lambda: frozenset(n for n, v in variables.items() if len(v))
        ),
        single("env.public", str(path), lambda: _public(variables)),
        single("env.strengths", str(path), lambda: _strengths(variables)),
        single("env.urls", str(path), lambda: _urls(variables)),
        single("env.example_names", str(folder / EXAMPLE), lambda: _names(folder / EXAMPLE)),
        single("env.template_names", str(folder / TEMPLATE), lambda: _names(folder / TEMPLATE)),
        single(
            "env.template_secrets",
            f"{folder / EXAMPLE} and {folder / TEMPLATE}",
            lambda: _filled(folder / EXAMPLE) | _filled(folder / TEMPLATE),
        ),
    ]
    return [together(local), single("env.git", f"git in {folder}", lambda: _git(path))]


def build_env(found: Mapping[str, Fact[Any]]) -> EnvFacts:
    """The readings of `env_chains` as facts."""
    return EnvFacts(
        file=found["env.file"],
        names=found["env.names"],
        public=found["env.public"],
        strengths=found["env.strengths"],
        urls=found["env.urls"],
        example_names=found["env.example_names"],
        template_names=found["env.template_names"],
        template_secrets=found["env.template_secrets"],
        git=found["env.git"],
    )


def folder_chains(config: Config) -> list[Chain[Any]]:
    """Readings of the deployment's folders and of the host names that it uses."""
    directory = config.directory
    return [
        single(
            "deployment.folders",
            str(directory),
            lambda: {name: file_state(directory / name) for name in FOLDERS},
        ),
        single("deployment.resolves", "the system's resolver", lambda: _resolve(config)),
    ]


def statements(config: Config) -> Statements:
    """What people have attested and waived so far. Raises UsageError on a corrupt log."""
    return log.statements(evidence_folder(config))


def evidence_folder(config: Config) -> Path:
    return config.directory / "evidence"


def file_state(path: Path, *, content: bool = False, text: bool = False) -> FileState:
    """A file or folder as it lies there; `content` adds its digest, `text` its words as well."""
    try:
        found = path.stat()
        data = path.read_bytes() if (content or text) and stat.S_ISREG(found.st_mode) else b""
    except (FileNotFoundError, NotADirectoryError):
        return FileState(exists=False)
    except PermissionError as error:
        raise Unreachable(f"{path}: not allowed to look") from error
    return FileState(
        exists=True,
        mode=stat.S_IMODE(found.st_mode),
        user=user_name(found.st_uid),
        group=_group_name(found.st_gid),
        directory=stat.S_ISDIR(found.st_mode),
        sha256=hashlib.sha256(data).hexdigest() if content or text else "",
        text=data.decode(errors="replace") if text else None,
    )


def user_name(uid: int) -> str:
    """A system user's name, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _public(variables: Mapping[str, Secret]) -> dict[str, str]:
    return {n: v.reveal() for n, v in variables.items() if not dotenv.is_secret(n)}


def _strengths(variables: Mapping[str, Secret]) -> dict[str, SecretStrength]:
    secrets = {
        name: value
        for name, value in variables.items()
        if len(value) and dotenv.is_secret(name) and name not in dotenv.URLS
    }
    for url, password in _PASSWORDS.items():  # where only the URL is given, it is in there
        if password not in secrets and (inside := _password(variables.get(url))):
            secrets[password] = inside
    return {
        name: SecretStrength(len(value), entropy_bits(value), _url_safe(value))
        for name, value in secrets.items()
    }


def _password(url: Secret | None) -> Secret | None:
    """The password inside a connection URL, if it has one."""
    try:
        found = unquote(urlsplit(url.reveal()).password or "") if url is not None else ""
    except ValueError:
        return None
    return Secret(found) if found else None


def _url_safe(value: Secret) -> bool:
    return all(c.isascii() and (c.isalnum() or c in "-_.~") for c in value.reveal())


def _urls(variables: Mapping[str, Secret]) -> dict[str, UrlParts]:
    return {
        name: parse_url(name, variables[name], variables.get(password) or None)
        for name, password in _PASSWORDS.items()
        if len(variables.get(name, Secret("")))
    }


def parse_url(name: str, url: Secret, password: Secret | None) -> UrlParts:
    """Take a connection URL apart. Raises UsageError when it is none; never shows its password."""
    try:
        parts = urlsplit(url.reveal())
        port = _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
        host = _host(parts.netloc)
    except ValueError as error:
        raise UsageError(
            f".env: {name} is not a URL that can be read",
            hint="percent-encode special characters in the password; IPv6 addresses go in [ ]",
        ) from error
    given = Secret(unquote(parts.password or ""))
    query = parse_qs(parts.query)
    return UrlParts(
        scheme=parts.scheme,
        user=unquote(parts.username or ""),
        host=unquote(host),
        port=port,
        database=unquote(parts.path.removeprefix("/")),
        sslmode=query.get("sslmode", [""])[-1],
        password_matches=password is None or given == password,
    )


def _host(netloc: str) -> str:
    """The host as it is written; urlsplit's own is in lower case."""
    place = netloc.rpartition("@")[2]
    return place[1:].partition("]")[0] if place.startswith("[") else place.partition(":")[0]


def _variables(path: Path) -> Mapping[str, Secret]:
    """Those of a file beside .env; one that isn't there holds none."""
    return dotenv.parse(read_text(path), path) if path.exists() else {}


def _names(path: Path) -> frozenset[str]:
    return frozenset(_variables(path))


def _filled(path: Path) -> frozenset[str]:
    values = _variables(path)
    return frozenset(n for n, v in values.items() if dotenv.is_secret(n) and len(v))


def _git(path: Path) -> GitState:
    folder = path.parent
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return GitState(repository=False, ignored=False, tracked=False, in_history=False)

    def answer(*arguments: str) -> shell.Completed:
        argv = ("git", "-c", "safe.directory=*", "-C", str(folder), *arguments)
        return shell.run(shell.Command(argv, timeout=5), check=False)

    tracked = answer("ls-files", "--error-unmatch", path.name)
    ignored = answer("check-ignore", "--quiet", path.name)
    history = answer("log", "--all", "--oneline", "--max-count=1", "--", path.name)
    for done, answers in ((tracked, (0, 1)), (ignored, (0, 1)), (history, (0,))):
        if done.code not in answers:
            raise Unreachable(f"git in {folder}: {done.tail}")
    return GitState(
        repository=True,
        ignored=ignored.code == 0,
        tracked=tracked.code == 0,
        in_history=bool(history.stdout.strip()),
    )


def _resolve(config: Config) -> dict[str, tuple[str, ...]]:
    settings = config.settings
    hosts = {settings.postgres.host, settings.redis.host, settings.redis_durable.host}
    return {host: _addresses(host) for host in sorted(hosts)}


def _addresses(host: str) -> tuple[str, ...]:
    try:
        return tuple(sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None)}))
    except (socket.gaierror, UnicodeError):  # a label of more than 63 characters is the latter
        return ()


def url_place(config: Config, variable: str) -> tuple[str, int]:
    """Host and port of a URL in .env. Raises Unreachable when it isn't there."""
    url = config.env.get(variable)
    if url is None or not len(url):
        raise Unreachable(f"{variable} is not in .env")
    parts = parse_url(variable, url, None)
    return parts.host, parts.port
