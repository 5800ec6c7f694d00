"""`rfdata init`: a deployment directory, written once and never over what a person changed."""

from __future__ import annotations

import os
import re
import secrets as random_source
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from rfdata import files
from rfdata.config import env as dotenv
from rfdata.config import variables
from rfdata.config.load import ENV, TOML, parse_settings
from rfdata.config.schema import Settings
from rfdata.errors import UsageError
from rfdata.secrets import Secret, generate

GITIGNORE = """\
# Secrets, keys, data and what rfdata writes itself; rfdata.toml and migrations/ are yours to commit.
.env
*.bak*
.lock
certs/
var/
evidence/
reports/
"""

PORTS = {"postgres": 5432, "redis": 6379, "redis_durable": 6380}
Outcome = Literal["written", "unchanged", "kept", "completed", "replaced"]


@dataclass(frozen=True)
class Wish:
    """What the caller asked of `init`."""

    profile: str = "prod"
    target: str = "native"
    name: str = "researchflow"
    ports: Mapping[str, int] | None = None
    force: bool = False


@dataclass(frozen=True)
class Written:
    """What became of one file."""

    path: Path
    outcome: Outcome
    note: str = ""


ChoosePort = Callable[[str, int], int]
"""Server and the port it would like -> the port it gets (asks, or looks for a free one)."""


def init(directory: Path, wish: Wish, choose_port: ChoosePort) -> tuple[Written, ...]:
    """Make or complete a deployment directory.

    Raises UsageError, before anything is written, when a file that is there can't be understood.
    """
    directory = directory.absolute()
    toml = directory / TOML
    replace_toml = wish.force or not toml.exists()
    text = _toml(wish, choose_port) if replace_toml else toml.read_text(encoding="utf-8")
    settings = parse_settings(text, toml)
    env = _env(directory, settings)
    _make_folders(directory)
    external = settings.deployment.target == "external"
    return (
        _put(toml, text, force=wish.force),
        _put_env(directory / ENV, env, external=external),
        _put(directory / ".env.example", variables.example(), force=wish.force),
        _put(
            directory / ".env.production.template",
            variables.production_template(),
            force=wish.force,
        ),
        _put(directory / ".gitignore", GITIGNORE, force=wish.force),
    )


def example() -> str:
    """The commented `rfdata.toml` with every key and its default."""
    return resources.files("rfdata.config").joinpath("example.toml").read_text(encoding="utf-8")


def set_value(text: str, section: str, key: str, value: str) -> str:
    """The TOML text with one key of one section changed; comments and order stay.

    >>> print(set_value('[a]\\nx = 1  # one\\n[b]\\nx = 1\\n', "b", "x", "2"), end="")
    [a]
    x = 1  # one
    [b]
    x = 2
    """
    head = re.compile(
        rf"(^\[{re.escape(section)}\].*?^{re.escape(key)} = )(\"[^\"]*\"|\S+)", re.M | re.S
    )
    return head.sub(lambda match: match[1] + value, text, count=1)


def _toml(wish: Wish, choose_port: ChoosePort) -> str:
    text = set_value(example(), "deployment", "name", f'"{wish.name}"')
    text = set_value(text, "deployment", "profile", f'"{wish.profile}"')
    text = set_value(text, "deployment", "target", f'"{wish.target}"')
    if wish.target == "external":
        return text
    if os.geteuid() == 0:
        state = f"/var/lib/rfdata/{wish.name}-{random_source.token_hex(3)}"
        text = set_value(text, "native", "state", f'"{state}"')
    if wish.profile == "dev":
        text = set_value(text, "redis", "maxmemory", '"2GB"')
        text = set_value(text, "redis.limits", "memory", '"3GB"')
    for server, usual in PORTS.items():
        asked = (wish.ports or {}).get(server)
        text = set_value(text, server, "port", str(asked or choose_port(server, usual)))
    return text


def _env(directory: Path, settings: Settings) -> Secret:
    """The .env to write: secrets that are there stay, what is missing is made or derived."""
    path = directory / ENV
    there = dotenv.parse(path.read_text(encoding="utf-8"), path) if path.exists() else {}
    if settings.deployment.target == "external":
        head = (
            "Servers that someone else runs: fill in DATABASE_URL and REDIS_URL (rediss:// for TLS),\n"
            "and TLS_CA_FILE with the CA to trust. rfdata only reads from them."
        )
        return (
            Secret(path.read_text(encoding="utf-8"))
            if there
            else Secret(variables.render({}, head=head))
        )
    secrets = {
        name: there[name] if len(there.get(name, Secret(""))) else generate()
        for name in dotenv.SECRETS
    }
    values = {**secrets, **dotenv.derived(settings, directory, secrets)}
    if path.exists():
        missing = {
            name: value for name, value in values.items() if not len(there.get(name, Secret("")))
        }
        return dotenv.update(path.read_text(encoding="utf-8"), missing)
    head = (
        "Secrets of this deployment (mode 0600, never commit). Hosts, ports, users and URLs are\n"
        "derived from rfdata.toml: change them there, `rfdata up` updates them here."
    )
    return dotenv.update(variables.render({}, head=head), values)


def _make_folders(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory} is not a folder", hint="name another one with -C")
    files.make_directory(directory)
    for name, mode in (("migrations", 0o755), ("certs", 0o755)):
        if not (directory / name).is_dir():
            files.make_directory(directory / name, mode=mode)


def _put(path: Path, content: str, *, force: bool) -> Written:
    if not path.exists():
        files.write(path, content)
        return Written(path, "written")
    if path.read_text(encoding="utf-8") == content:
        return Written(path, "unchanged")
    if not force:
        return Written(
            path, "kept", "it differs from what init writes; --force replaces it, with a copy"
        )
    copy = files.keep_copy(path)
    files.write(path, content)
    return Written(path, "replaced", f"the former one is {copy.name}")


def _put_env(path: Path, content: Secret, *, external: bool) -> Written:
    if not path.exists():
        files.write(path, content, mode=0o600)
        return Written(path, "written", "fill it in" if external else "mode 0600, fresh secrets")
    if Secret(path.read_text(encoding="utf-8")) == content:
        return Written(path, "unchanged")
    copy = files.keep_copy(path)
    files.write(path, content, mode=0o600)
    return Written(path, "completed", f"missing variables added; the former one is {copy.name}")
