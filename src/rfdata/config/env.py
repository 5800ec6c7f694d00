"""The deployment's `.env`: parsed strictly, its derived values computed in one place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from rfdata.config.schema import Redis, Settings
from rfdata.config.services import SERVICES, password_variable
from rfdata.errors import UsageError
from rfdata.secrets import Secret

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that no value and no path may hold: control codes, and bytes that were not UTF-8."""
_BARE = re.compile(r"[\w.,:/@%?=+-]*", re.ASCII)
_DOUBLE = re.compile(r'"((?:[^"\\$`]|\\["\\$`])*)"')
_SINGLE = re.compile(r"'([^']*)'")
_SPACE = " \t\r"

POSTGRES_SECRETS = (
    "POSTGRES_PASSWORD",
    "POSTGRES_MIGRATOR_PASSWORD",
    "POSTGRES_READONLY_PASSWORD",
    "POSTGRES_MONITOR_PASSWORD",
    "POSTGRES_BACKUP_PASSWORD",
    *(password_variable(service) for service in SERVICES),
)
REDIS_SECRETS = (
    "REDIS_PASSWORD",
    "REDIS_ADMIN_PASSWORD",
    "REDIS_MONITOR_PASSWORD",
    "REDIS_DURABLE_PASSWORD",
    "REDIS_DURABLE_ADMIN_PASSWORD",
    "REDIS_DURABLE_MONITOR_PASSWORD",
)
SECRETS = POSTGRES_SECRETS + REDIS_SECRETS
SERVICE_URLS = {service: f"{service.upper()}_DATABASE_URL" for service in SERVICES}
URLS = ("DATABASE_URL", *SERVICE_URLS.values(), "REDIS_URL", "REDIS_DURABLE_URL")
MINIMUM_LENGTH = {"dev": 12, "prod": 32}
"""Characters, from the checklist's sections 2, 3 and 9."""


def is_secret(name: str) -> bool:
    """Whether a variable's value must never be shown."""
    return (
        name in SECRETS or name in URLS or re.search(r"PASSWORD|SECRET|TOKEN|KEY", name) is not None
    )


def parse(text: str, path: Path) -> dict[str, Secret]:
    """Variables of a .env file. Every value is a Secret until somebody knows better.

    Raises UsageError with file and line for what other programs would read differently.
    """
    found: dict[str, Secret] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip(_SPACE)
        if not stripped or stripped.startswith("#"):
            continue
        where = f"{path}, line {number}"
        name, separator, value = stripped.removeprefix("export ").partition("=")
        if not separator or not _NAME.fullmatch(name):
            raise UsageError(
                f"{where}: this is not NAME=value",
                hint="one variable a line; a value never spans lines",
            )
        if name in found:
            raise UsageError(f"{where}: {name} is set twice", hint="keep one of the two")
        found[name] = Secret(_unquote(value, f"{where}, {name}"))
    return found


def derived(
    settings: Settings, directory: Path, secrets: Mapping[str, Secret]
) -> dict[str, str | Secret]:
    """What follows from `rfdata.toml` and the passwords: hosts, ports, flags, URLs.

    A value is a Secret where a password is part of it. Passwords and paths are percent-encoded
    (decisions, 13); PostgreSQL's URL asks for verify-full with our CA (decisions, 7 and 19).
    """
    postgres = settings.postgres
    ca = str(directory / "certs" / "ca.crt")
    query = f"sslmode=verify-full&sslrootcert={quote(ca, safe='/')}"

    def url(user: str, password: Secret) -> Secret:
        place = f"{_authority(postgres.host, postgres.port)}/{postgres.database}?{query}"
        return Secret(f"postgresql://{user}:{quote(password.reveal(), safe='')}@{place}")

    own = {
        SERVICE_URLS[service]: url(
            f"{postgres.database}_{service}", secrets[password_variable(service)]
        )
        for service in SERVICES
    }
    values: dict[str, str | Secret] = {
        "POSTGRES_USER": postgres.user,
        "POSTGRES_DB": postgres.database,
        "POSTGRES_HOST": postgres.host,
        "POSTGRES_PORT": str(postgres.port),
        "POSTGRES_SSLMODE": "verify-full",
        "TLS_CA_FILE": ca,
        "DATABASE_URL": url(postgres.user, secrets["POSTGRES_PASSWORD"]),
        **own,
    }
    for prefix, redis in (("REDIS", settings.redis), ("REDIS_DURABLE", settings.redis_durable)):
        values |= _redis(prefix, redis, secrets[f"{prefix}_PASSWORD"])
    return values


def update(text: str, values: Mapping[str, str | Secret]) -> Secret:
    """The file's text with these variables set: replaced where they stand, else added at the end.

    Raises UsageError for a value that would not come back as one line of text.
    """
    left = {name: _quoted(name, _reveal(value)) for name, value in values.items()}
    lines = []
    for line in text.rstrip("\n").split("\n") if text.strip("\n") else []:
        stripped = line.strip(_SPACE)
        export = "export " if stripped.startswith("export ") else ""
        name = stripped.removeprefix(export).partition("=")[0]
        lines.append(f"{export}{name}={left.pop(name)}" if name in left else line)
    lines += [f"{name}={value}" for name, value in left.items()]
    return Secret("\n".join(lines) + "\n")


def _redis(prefix: str, redis: Redis, password: Secret) -> dict[str, str | Secret]:
    encoded = quote(password.reveal(), safe="")
    return {
        f"{prefix}_HOST": redis.host,
        f"{prefix}_PORT": str(redis.port),
        f"{prefix}_TLS_ENABLED": "true",
        f"{prefix}_URL": Secret(f"rediss://:{encoded}@{_authority(redis.host, redis.port)}/0"),
    }


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reveal(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _quoted(name: str, value: str) -> str:
    """As shells, Compose, systemd and dotenv libraries all read it back."""
    if CONTROL.search(value):
        raise UsageError(
            f"the value of {name} holds a control character, so .env can't hold it",
            hint="a folder's name or a password without line ends and tabs is needed",
        )
    if _BARE.fullmatch(value):
        return value
    if "'" not in value and "\\" not in value:
        return f"'{value}'"
    escaped = re.sub(r'(["\\$`])', r"\\\1", value)
    return f'"{escaped}"'


def _unquote(value: str, where: str) -> str:
    value = value.strip(_SPACE)
    if CONTROL.search(value):
        raise UsageError(
            f"{where}: the value holds a control character",
            hint="write it anew, without tabs or returns",
        )
    if value.startswith("'"):
        return _inner(_SINGLE, value, where)
    if value.startswith('"'):
        return re.sub(r"\\(.)", r"\1", _inner(_DOUBLE, value, where))
    if re.search(r"[\s'\"\\$`]", value) or value.startswith("#"):
        raise UsageError(
            f"{where}: without quotes, other programs read this value differently",
            hint=_QUOTING,
        )
    return value


def _inner(pattern: re.Pattern[str], value: str, where: str) -> str:
    """What stands between the quotes."""
    if match := pattern.fullmatch(value):
        return match[1]
    if value[0] not in value[1:]:
        raise UsageError(
            f"{where}: the quote is never closed", hint="a value ends on the line where it begins"
        )
    raise UsageError(f"{where}: other programs read this value differently", hint=_QUOTING)


_QUOTING = (
    "put the whole value in single quotes, nothing after them; a value that holds a single quote "
    'or a backslash goes in double quotes, with a backslash before each " \\ $ and `'
)
