"""What is read of the deployment directory: files, .env, version control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rfdata.model.fact import Fact


@dataclass(frozen=True, slots=True)
class FileState:
    """A file or folder as it lies on the disk. Absent ones are states too."""

    exists: bool
    mode: int = 0
    """Permission bits, for example 0o600."""
    user: str = ""
    group: str = ""
    directory: bool = False
    sha256: str = ""
    text: str | None = None
    """The content, only of files that hold no secret; used to show what a plan changes."""


@dataclass(frozen=True, slots=True)
class SecretStrength:
    """What may be said of a secret without telling it."""

    length: int
    entropy_bits: float
    url_safe: bool


@dataclass(frozen=True, slots=True)
class UrlParts:
    """A connection URL taken apart; the password is only compared."""

    scheme: str
    user: str
    host: str
    port: int
    database: str
    sslmode: str
    password_matches: bool
    """It equals the password variable beside it once percent-decoded."""


@dataclass(frozen=True, slots=True)
class GitState:
    """Where the deployment's .env stands with version control."""

    repository: bool
    ignored: bool
    tracked: bool
    in_history: bool


@dataclass(frozen=True, slots=True)
class EnvFacts:
    """.env and its siblings."""

    file: Fact[FileState]
    names: Fact[frozenset[str]]
    """Variables with a value that is not empty."""
    public: Fact[Mapping[str, str]]
    """Values that are no secrets: hosts, ports, users, flags."""
    strengths: Fact[Mapping[str, SecretStrength]]
    urls: Fact[Mapping[str, UrlParts]]
    """DATABASE_URL, REDIS_URL, REDIS_DURABLE_URL."""
    example_names: Fact[frozenset[str]]
    """Names that .env.example explains."""
    template_names: Fact[frozenset[str]]
    """Names in .env.production.template."""
    template_secrets: Fact[frozenset[str]]
    """Secret variables that have a value in .env.example or .env.production.template: none may."""
    git: Fact[GitState]


@dataclass(frozen=True, slots=True)
class DeploymentFacts:
    """The deployment directory and what names in it mean."""

    files: Fact[Mapping[str, FileState]]
    """By path: everything that the target wants on the disk, as it is now."""
    folders: Fact[Mapping[str, FileState]]
    """certs, migrations: by their name inside the deployment."""
    resolves: Fact[Mapping[str, tuple[str, ...]]]
    """Configured host names -> addresses."""
