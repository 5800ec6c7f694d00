"""`rfdata init`: a deployment directory, written once and never over what a person changed."""

from __future__ import annotations

import json
import os
import re
import secrets as random_source
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from rfdata import files
from rfdata.config import env as dotenv
from rfdata.config import variables
from rfdata.config.load import ENV, TOML, deployment_directory, parse_settings, read_text
from rfdata.config.schema import Settings
from rfdata.errors import UsageError
from rfdata.migrations.shipped import shipped
from rfdata.secrets import Secret, generate

GITIGNORE = """\
# Secrets, keys, data and what rfdata writes itself; rfdata.toml and migrations/ are yours to commit.
.env
*.bak*
*.rfdata-new
.lock
.settled
certs/
var/
evidence/
reports/
"""

FOLDERS = ("migrations", "certs")
PORTS = {"postgres": 5432, "redis": 6379, "redis_durable": 6380}
Outcome = Literal["written", "unchanged", "kept", "completed", "replaced"]


@dataclass(frozen=True)
class Wish:
    """What the caller asked of `init`; None: whatever is there, or the usual."""

    profile: str | None = None
    target: str | None = None
    name: str | None = None
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

    With `force`, changed files are replaced and copies kept; secrets, ports and the folder of the
    data stay as they are. Raises UsageError, before anything is written, when a file that is there
    can't be understood.
    """
    directory = deployment_directory(directory)
    _require_possible(directory)
    toml, env_path = directory / TOML, directory / ENV
    there = read_text(toml) if toml.exists() and not wish.force else None
    text = _toml(wish, _former(toml), choose_port) if there is None else there
    settings = parse_settings(text, toml)
    env_text = read_text(env_path) if env_path.exists() else None
    env = _env(env_path, env_text, settings)
    _make_folders(directory)
    external = settings.deployment.target == "external"
    return (
        _stays(toml, settings, wish) if there is not None else _put(toml, text, force=wish.force),
        _put_env(env_path, env_text, env, external=external),
        _put(directory / ".env.example", variables.example(), force=wish.force),
        _put(
            directory / ".env.production.template",
            variables.production_template(),
            force=wish.force,
        ),
        _put(directory / ".gitignore", GITIGNORE, force=wish.force),
        _put_migrations(directory / "migrations"),
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
        rf"(^\[{re.escape(section)}\][^\n]*\n(?:(?!\[)[^\n]*\n)*?{re.escape(key)} = )"
        r"(\"[^\"\n]*\"|\S+)",
        re.M,
    )
    changed, count = head.subn(lambda match: match[1] + value, text, count=1)
    if not count:
        raise KeyError(f"[{section}] {key}")
    return changed


def _stays(toml: Path, settings: Settings, wish: Wish) -> Written:
    """An rfdata.toml that is there; said where it is not what the caller asked for."""
    now = settings.deployment
    asked = {"profile": wish.profile, "target": wish.target, "name": wish.name}
    other = [
        f'{key} = "{getattr(now, key)}"'
        for key, value in asked.items()
        if value not in (None, getattr(now, key))
    ]
    if not other:
        return Written(toml, "unchanged")
    return Written(toml, "kept", f"it says {', '.join(other)}: change it there, or --force")


def _toml(wish: Wish, former: Settings | None, choose_port: ChoosePort) -> str:
    """The example with what was asked for; where the data lies and who listens where stays."""
    name = "researchflow" if wish.name is None else wish.name
    text = set_value(example(), "deployment", "name", _quoted(name))
    text = set_value(
        text, "deployment", "profile", _quoted("prod" if wish.profile is None else wish.profile)
    )
    text = set_value(
        text, "deployment", "target", _quoted("native" if wish.target is None else wish.target)
    )
    if wish.target == "external":
        return text
    if former is not None:
        text = set_value(text, "native", "state", _quoted(former.native.state))
    elif os.geteuid() == 0:
        state = f"/var/lib/rfdata/{name}-{random_source.token_hex(3)}"
        text = set_value(text, "native", "state", _quoted(state))
    if wish.profile == "dev":
        text = set_value(text, "redis", "maxmemory", '"2GB"')
        text = set_value(text, "redis.limits", "memory", '"3GB"')
    for server, usual in PORTS.items():
        port = (wish.ports or {}).get(server)
        if port is None:
            kept = former is not None
            port = getattr(former, server).port if kept else choose_port(server, usual)
        text = set_value(text, server, "port", str(port))
    return text


def _former(toml: Path) -> Settings | None:
    """What a native deployment's rfdata.toml says before it is replaced."""
    try:
        settings = parse_settings(read_text(toml), toml)
    except UsageError:
        return None
    return settings if settings.deployment.target == "native" else None


def _quoted(value: str) -> str:
    """Text as TOML writes it; JSON's escapes are a part of TOML's."""
    return json.dumps(value, ensure_ascii=False)


def _env(path: Path, text: str | None, settings: Settings) -> Secret:
    """The .env to write: secrets that are there stay, what is missing is made or derived."""
    there = dotenv.parse(text, path) if text is not None else {}
    if settings.deployment.target == "external":
        head = (
            "Servers that someone else runs: fill in DATABASE_URL and REDIS_URL (rediss:// for TLS),\n"
            "and TLS_CA_FILE with the CA to trust. rfdata only reads from them."
        )
        return Secret(text if text is not None and there else variables.render({}, head=head))
    secrets = {
        name: there[name] if len(there.get(name, Secret(""))) else generate()
        for name in dotenv.SECRETS
    }
    values = {**secrets, **dotenv.derived(settings, path.parent, secrets)}
    if text is not None:
        missing = {
            name: value for name, value in values.items() if not len(there.get(name, Secret("")))
        }
        return dotenv.update(text, missing)
    head = (
        "Secrets of this deployment (mode 0600, never commit). Hosts, ports, users and URLs are\n"
        "derived from rfdata.toml: change them there, `rfdata up` updates them here."
    )
    return dotenv.update(variables.render({}, head=head), values)


def _require_possible(directory: Path) -> None:
    """Raise UsageError for what stands in the way, before anything is written."""
    nearest = next(path for path in (directory, *directory.parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise UsageError(f"{nearest} is not a folder", hint="name another one with -C")
    if not os.access(nearest, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        raise UsageError(
            f"{nearest}: not allowed to write in it",
            hint="run as its owner, or name another folder with -C",
        )
    for name in FOLDERS:
        if os.path.lexists(directory / name) and not (directory / name).is_dir():
            raise UsageError(f"{directory / name} is not a folder", hint="move it away")
    for name in (TOML, ENV, ".env.example", ".env.production.template", ".gitignore"):
        if os.path.lexists(directory / name) and not (directory / name).is_file():
            raise UsageError(
                f"{directory / name} is neither a file nor a link to one", hint="move it away"
            )


def _make_folders(directory: Path) -> None:
    for folder in (directory, *(directory / name for name in FOLDERS)):
        if not folder.is_dir():
            files.make_directory(folder)


def _put(path: Path, content: str, *, force: bool) -> Written:
    if not path.exists():
        files.write(path, content)
        return Written(path, "written")
    if path.read_bytes() == content.encode():
        return Written(path, "unchanged")
    if not force:
        return Written(
            path, "kept", "it differs from what init writes; --force replaces it, with a copy"
        )
    copy = files.keep_copy(path)
    files.write(path, content)
    return Written(path, "replaced", f"the former one is {copy.name}")


def _put_migrations(folder: Path) -> Written:
    """The schema that comes with rfdata, unless the deployment has one of its own.

    A file that is there stays as it is, whatever the caller forces: it may have been applied.
    """
    ours = shipped()
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*.sql")}
    if own := sorted(there - ours.keys()):
        return Written(folder, "kept", f"it holds migrations of its own, for example {own[0]}")
    missing = [name for name in ours if name not in there]
    for name in missing:
        path = folder / name
        if not path.parent.is_dir():
            files.make_directory(path.parent)
        files.write(path, ours[name])
    changed = [name for name in there if (folder / name).read_bytes() != ours[name].encode()]
    if changed:
        return Written(folder, "kept", f"changed by a person: {', '.join(sorted(changed))}")
    if not missing:
        return Written(folder, "unchanged")
    outcome: Outcome = "written" if len(missing) == len(ours) else "completed"
    return Written(folder, outcome, f"{len(missing)} SQL files of the ResearchFlow schema")


def _put_env(path: Path, there: str | None, content: Secret, *, external: bool) -> Written:
    if there is None:
        files.write(path, content, mode=0o600)
        return Written(path, "written", "fill it in" if external else "mode 0600, fresh secrets")
    open_to_others = bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
    if open_to_others:
        files.set_access(path, mode=0o600)
    if Secret(there) != content:
        copy = files.keep_copy(path)
        files.write(path, content, mode=0o600)
        return Written(path, "completed", f"missing variables added; the former one is {copy.name}")
    if open_to_others:
        return Written(path, "completed", "mode 0600 now: others could read it")
    return Written(path, "unchanged")
