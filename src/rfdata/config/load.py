"""Reading a deployment directory into a frozen Config, or saying exactly what is wrong with it."""

from __future__ import annotations

import hashlib
import json
import shlex
import stat
import tomllib
from codecs import BOM_UTF8
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
    directory = deployment_directory(directory)
    settings = parse_settings(read_text(directory / TOML), directory / TOML)
    path = directory / ENV
    text = read_text(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise UsageError(
            f"{path}: others can read the secrets in it (mode {mode:04o})",
            hint=f"chmod 600 {shlex.quote(str(path))}",
        )
    variables = dotenv.parse(text, path)
    _require(variables, settings, path)
    return Config(directory, settings, variables, Secret(text))


def deployment_directory(directory: Path) -> Path:
    """Its absolute path, once it is one that configuration files and URLs can hold."""
    try:
        absolute = directory.absolute()
    except FileNotFoundError as error:
        raise UsageError(
            "the current folder no longer exists", hint="name a deployment directory with -C"
        ) from error
    text = str(absolute)
    if dotenv.CONTROL.search(text):
        raise UsageError(
            f"{text!r}: the path holds a control character or is not UTF-8",
            hint="name another folder with -C",
        )
    return absolute


def parse_settings(text: str, path: Path) -> Settings:
    """`rfdata.toml` as Settings; unknown keys, wrong types and impossible values are refused by name."""
    try:
        raw = tomllib.loads(text)
        plain = json.dumps(raw, default=_nothing)
    except (ValueError, RecursionError) as error:  # beside TOMLDecodeError: numbers of 4300 digits
        reason = "nested too deeply" if isinstance(error, RecursionError) else "an endless number"
        if isinstance(error, tomllib.TOMLDecodeError):
            reason = _printable(str(error))
        raise UsageError(f"{path}: not valid TOML: {reason}", hint="mend what it names") from error
    try:
        return Settings.model_validate_json(plain)
    except ValidationError as error:
        raise UsageError(
            _explain(path, error), hint="`rfdata init --example` prints every key with its default"
        ) from error


def read_text(path: Path) -> str:
    """A file of the deployment as text with plain line ends. Raises UsageError whatever is wrong."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            what = "a folder" if path.is_dir() else "not a regular file"
            raise UsageError(f"{path} is {what}", hint="move it away, then run `rfdata init`")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(
            f"{path} is missing",
            hint="run `rfdata init` in the deployment directory (it keeps what is there)",
        ) from error
    except NotADirectoryError as error:
        raise UsageError(
            f"{path.parent} is not a folder", hint="name a deployment directory with -C"
        ) from error
    except PermissionError as error:
        raise UsageError(f"{path}: not allowed to read it", hint="run as its owner") from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="look at what it is") from error
    if data.startswith(BOM_UTF8):
        raise UsageError(
            f"{path} begins with a byte order mark", hint="save it as UTF-8 without BOM"
        )
    try:
        return data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: not UTF-8 text (byte {error.start})", hint="save it as UTF-8"
        ) from error


def _nothing(_: object) -> None:
    """Dates and times: no setting is one, and none takes null either."""


def _explain(path: Path, error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        key = ".".join(_printable(str(part)) for part in problem["loc"] if part != "[key]")
        if problem["type"] == "extra_forbidden":
            text = "no such key"
        elif problem["type"] == "json_invalid":
            text = "nested too deeply"
        elif problem["type"] in ("model_type", "dict_type"):
            text = f"this is a section: write [{key}] and its keys below"
        else:
            text = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{path}: {key}: {text}" if key else f"{path}: {text}")
    return "\n".join(lines)


def _printable(text: str) -> str:
    """What someone wrote, fit for a terminal: no control sequence, not endless."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"


def _require(variables: Mapping[str, Secret], settings: Settings, path: Path) -> None:
    external = settings.deployment.target == "external"
    needed = ("DATABASE_URL", "REDIS_URL") if external else dotenv.SECRETS
    missing = [name for name in needed if not len(variables.get(name, Secret("")))]
    if missing:
        raise UsageError(
            f"{path}: {', '.join(missing)} missing or empty",
            hint="fill in where the servers are reached"
            if external
            else "run `rfdata init`: it adds what is missing",
        )
