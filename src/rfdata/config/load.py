"""Reading a deployment directory into a frozen Config, or saying exactly what is wrong with it."""

from __future__ import annotations

import hashlib
import json
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from rfdata.config import env as dotenv
from rfdata.config.schema import Settings
from rfdata.errors import UsageError
from rfdata.secrets import Secret

TOML = "rfdata.toml"
ENV = ".env"


@dataclass(frozen=True)
class Config:
    """A deployment as a person wants it."""

    directory: Path
    """Absolute."""
    settings: Settings
    env: Mapping[str, Secret]
    env_text: Secret

    @property
    def profile(self) -> str:
        return self.settings.deployment.profile

    @property
    def target(self) -> str:
        return self.settings.deployment.target

    @property
    def production(self) -> bool:
        return self.profile == "prod"

    @property
    def digest(self) -> str:
        """SHA-256 of every setting; secrets are no part of it."""
        text = json.dumps(self.settings.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def ca_file(self) -> Path:
        """The certificate that clients trust: ours, or the one named in .env for someone else's servers."""
        named = self.env.get("TLS_CA_FILE")
        if self.target == "external" and named is not None:
            return Path(named.reveal())
        return self.directory / "certs" / "ca.crt"

    def secret(self, name: str) -> Secret:
        """A variable of .env that `load` made sure is there."""
        return self.env[name]


def load(directory: Path) -> Config:
    """Read `rfdata.toml` and `.env`. Raises UsageError naming file, key and remedy."""
    directory = directory.absolute()
    settings = parse_settings(_read(directory / TOML), directory / TOML)
    path = directory / ENV
    text = _read(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise UsageError(
            f"{path}: others can read the secrets in it (mode {mode:04o})",
            hint=f"chmod 600 '{path}'",
        )
    variables = dotenv.parse(text, path)
    _require(variables, settings, path)
    return Config(directory, settings, variables, Secret(text))


def parse_settings(text: str, path: Path) -> Settings:
    """`rfdata.toml` as Settings; unknown keys, wrong types and impossible values are refused by name."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{path}: not valid TOML: {error}", hint="mend the line that it names"
        ) from error
    try:
        return Settings.model_validate_json(json.dumps(raw, default=str))
    except ValidationError as error:
        raise UsageError(
            _explain(path, error), hint="`rfdata init --example` prints every key with its default"
        ) from error


def _explain(path: Path, error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            text = "no such key"
        else:
            text = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{path}: {key}: {text}" if key else f"{path}: {text}")
    return "\n".join(lines)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UsageError(
            f"{path} is missing",
            hint="run `rfdata init` in the deployment directory (it keeps what is there)",
        ) from error
    except IsADirectoryError as error:
        raise UsageError(
            f"{path} is a folder", hint="move it away, then run `rfdata init`"
        ) from error
    except NotADirectoryError as error:
        raise UsageError(
            f"{path.parent} is not a folder", hint="name a deployment directory with -C"
        ) from error
    except PermissionError as error:
        raise UsageError(f"{path}: not allowed to read it", hint="run as its owner") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: not UTF-8 text (byte {error.start})", hint="save it as UTF-8"
        ) from error


def _require(variables: Mapping[str, Secret], settings: Settings, path: Path) -> None:
    needed = (
        ("DATABASE_URL", "REDIS_URL")
        if settings.deployment.target == "external"
        else dotenv.SECRETS
    )
    missing = [name for name in needed if not len(variables.get(name, Secret("")))]
    if missing:
        raise UsageError(
            f"{path}: {', '.join(missing)} missing or empty",
            hint="run `rfdata init`: it adds what is missing",
        )
