"""All that is read from a layer before it is planned or judged. No secret is ever part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from typing import Any, Literal

from rfdata.model.evidence import Statements
from rfdata.model.fact import Fact, unread

Server = Literal["postgres", "redis", "redis-durable"]
SERVERS: tuple[Server, ...] = ("postgres", "redis", "redis-durable")


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
class Probe:
    """One attempt to talk to a server that answered. `accepted` says whether it let us in.

    A server that could not be reached at all is not a Probe but an unread fact: a refusal counts
    only when the server itself refused.
    """

    accepted: bool
    detail: str
    """What the server answered, or what the client's TLS library found, in one line."""
    tls_version: str = ""
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Probes:
    """The first must be accepted; all others must be refused."""

    login: Fact[Probe]
    """The services' own way in: app user, password, TLS with verification; SELECT 1 or PING."""
    plaintext: Fact[Probe]
    wrong_password: Fact[Probe]
    no_password: Fact[Probe]
    foreign_ca: Fact[Probe]
    """A client that trusts only another CA has to turn the server's certificate down."""
    old_tls: Fact[Probe]
    """A client that offers TLS 1.1 at most."""
    foreign_network: Fact[Probe]
    """PostgreSQL only: a client whose address lies outside the configured networks."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of pg_settings."""

    value: str
    unit: str
    context: str
    """internal, postmaster, sighup, superuser-backend, backend, superuser or user."""
    source: str
    pending_restart: bool
    type: str = ""
    """bool, enum, integer, real or string."""
    default: str = ""
    """What is built into the program, in the same unit."""
    altered: bool = False
    """ALTER SYSTEM has a value for it, which wins over the rendered file."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    version: str
    """For example "16.14"."""
    version_num: int
    """For example 160014."""
    started_at: datetime
    data_directory: str
    in_recovery: bool
    wal_segment_bytes: int


@dataclass(frozen=True, slots=True)
class Database:
    """The deployment's database, as pg_database has it."""

    owner: str
    encoding: str
    locale_provider: Literal["libc", "icu"]
    locale: str
    """ICU locale for icu, else LC_COLLATE."""
    collation_version: str
    """Recorded when it was created; empty when the provider has none."""
    collation_version_now: str
    """What the library on this host has today: a difference breaks text indexes."""


@dataclass(frozen=True, slots=True)
class Role:
    """One row of pg_roles with its memberships."""

    login: bool
    superuser: bool
    create_db: bool
    create_role: bool
    replication: bool
    bypass_rls: bool
    connection_limit: int
    member_of: frozenset[str]
    settings: Mapping[str, str]
    """ALTER ROLE … SET."""
    password: Literal["scram-sha-256", "md5", "none", "hidden"]
    password_matches: bool | None
    """It is the one in .env; None where that can't be told (hidden, or not ours)."""


@dataclass(frozen=True, slots=True, order=True)
class Privilege:
    """One granted privilege. `kind` is database, schema or function; grantee "PUBLIC" is everyone."""

    kind: str
    name: str
    privilege: str
    grantee: str


@dataclass(frozen=True, slots=True)
class HbaRule:
    """One row of pg_hba_file_rules."""

    line: int
    type: str
    """local, host, hostssl, hostnossl, hostgssenc or hostnogssenc."""
    databases: tuple[str, ...]
    users: tuple[str, ...]
    address: str
    """CIDR, "all", or empty for local."""
    method: str
    error: str


@dataclass(frozen=True, slots=True)
class LogFile:
    name: str
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class LogState:
    """A server's log folder."""

    files: tuple[LogFile, ...]
    startup_errors: tuple[str, ...]
    """FATAL and PANIC lines (Redis: lines of level #) since the last start, clients' own mistakes
    (wrong passwords, refused connections, our probes) left out; at most ten."""


@dataclass(frozen=True, slots=True)
class Activity:
    connections: int
    remote_plaintext: int
    """Client connections over TCP without TLS."""


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    server: Fact[PostgresServer]
    settings: Fact[Mapping[str, Setting]]
    database: Fact[Database]
    databases: Fact[frozenset[str]]
    extensions: Fact[Mapping[str, str]]
    """Installed in the deployment's database: name -> version."""
    extensions_available: Fact[Mapping[str, str]]
    roles: Fact[Mapping[str, Role]]
    privileges: Fact[frozenset[Privilege]]
    schema_owner: Fact[str]
    """Who owns schema public."""
    hba: Fact[tuple[HbaRule, ...]]
    config_errors: Fact[tuple[str, ...]]
    """What pg_file_settings and pg_hba_file_rules complain about."""
    activity: Fact[Activity]
    ready: Fact[bool]
    """pg_isready over TCP said that it accepts connections."""
    log: Fact[LogState]
    probes: Probes


@dataclass(frozen=True, slots=True)
class AclUser:
    """One user of ACL LIST."""

    enabled: bool
    no_password: bool
    password_matches: bool
    """The only password hash is that of .env."""
    rules: str
    """Commands, keys and channels as Redis prints them, password hashes left out."""


@dataclass(frozen=True, slots=True)
class RedisFacts:
    info: Fact[Mapping[str, str]]
    """INFO everything, flat."""
    settings: Fact[Mapping[str, str]]
    """CONFIG GET *, without values that are secret."""
    acl: Fact[Mapping[str, AclUser]]
    databases: Fact[frozenset[int]]
    """Of 0 and 1, those that SELECT lets the app user into."""
    log: Fact[LogState]
    probes: Probes


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as presented by a live server (or, for the CA, as it lies in certs/)."""

    subject: str
    names: frozenset[str]
    """DNS names and IP addresses."""
    not_before: datetime
    not_after: datetime
    key: str
    """For example "ECDSA P-256"."""
    self_signed: bool
    issued_by_ca: bool
    """Its signature verifies with our CA's key."""
    fingerprint: str


@dataclass(frozen=True, slots=True)
class CertFacts:
    ca: Fact[Certificate]
    ca_key: Fact[FileState]
    served: Mapping[Server, Fact[Certificate]]
    on_disk: Mapping[Server, Fact[Certificate]]
    keys: Mapping[Server, Fact[FileState]]


@dataclass(frozen=True, slots=True)
class Process:
    """A server's process, identified by its pid file, program and working directory."""

    pid: int
    started_at: datetime
    program: str
    user: str
    resident_bytes: int
    """The whole family: the process and its descendants."""


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system under a folder."""

    device: str
    type: str
    total: int
    free: int
    """Bytes that an ordinary user can still write."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the kernel enforces for a server. None: no limit is set."""

    cpus: float | None
    memory: int | None
    memory_reservation: int | None


@dataclass(frozen=True, slots=True)
class Listener:
    address: str
    port: int
    process: int | None


@dataclass(frozen=True, slots=True)
class ServerPrograms:
    """Which programs serve on this target."""

    version: str
    origin: Literal["packaged", "assembled", "external"]
    path: str
    locale: tuple[str, ...] = ()
    """PostgreSQL: initdb's arguments for the best locale of this host (decisions, 12)."""
    notifies: bool = False
    """Built to tell systemd when it is ready."""


@dataclass(frozen=True, slots=True)
class HealthRecord:
    """What the watching process saw of one server last."""

    healthy: bool
    checked_at: datetime
    failures_in_a_row: int


@dataclass(frozen=True, slots=True)
class Watch:
    """Whoever restarts servers, rotates logs and polls health: systemd with our timer, or the agent."""

    by: Literal["systemd", "agent", "nobody"]
    alive: bool
    survives_reboot: bool
    interval: float
    timeout: float
    """Seconds."""
    retries: int
    start_period: float
    health: Mapping[str, HealthRecord]
    current: bool = True
    """It runs this version with these settings, for every server; else it has to be started anew."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What is read on the machine where the servers run; all unread on an external target."""

    cpus: Fact[int]
    memory: Fact[int]
    """Bytes."""
    users: Fact[frozenset[str]]
    """Those of the configured system users that exist."""
    programs: Mapping[Server, Fact[ServerPrograms]]
    processes: Mapping[Server, Fact[Process | Literal["stopped"]]]
    data: Mapping[Server, Fact[FileState]]
    """Each server's data folder."""
    disks: Mapping[Server, Fact[Disk]]
    limits: Mapping[Server, Fact[Limits]]
    limits_possible: Fact[bool]
    """This host lets us set limits (systemd, or writable control groups)."""
    listeners: Fact[tuple[Listener, ...]]
    """Every listening TCP socket of the configured ports."""
    watch: Fact[Watch]


@dataclass(frozen=True, slots=True)
class DeploymentFacts:
    """The deployment directory and what names in it mean."""

    files: Fact[Mapping[str, FileState]]
    """By path: everything that the target wants on the disk, as it is now."""
    folders: Fact[Mapping[str, FileState]]
    """certs, migrations: by their name inside the deployment."""
    resolves: Fact[Mapping[str, tuple[str, ...]]]
    """Configured host names -> addresses."""


@dataclass(frozen=True, slots=True)
class Facts:
    gathered_at: datetime
    env: EnvFacts
    postgres: PostgresFacts
    redis: RedisFacts
    redis_durable: RedisFacts
    certs: CertFacts
    host: HostFacts
    deployment: DeploymentFacts
    statements: Statements


def paths(facts: Any, prefix: str = "") -> dict[str, Fact[Any]]:
    """Every fact by its dotted path, for example "postgres.probes.login" or "host.disks.redis"."""
    found: dict[str, Fact[Any]] = {}
    for name, value in _children(facts):
        here = f"{prefix}{name}"
        if isinstance(value, Fact):
            found[here] = value
        elif is_dataclass(value) or isinstance(value, Mapping):
            found |= paths(value, f"{here}.")
    return found


def with_fact(facts: Any, path: str, fact: Fact[Any]) -> Any:
    """The same facts with one of them replaced."""
    name, _, rest = path.partition(".")
    old = facts[name] if isinstance(facts, Mapping) else getattr(facts, name)
    new = with_fact(old, rest, fact) if rest else fact
    return {**facts, name: new} if isinstance(facts, Mapping) else replace(facts, **{name: new})


def without(facts: Facts, path: str, trouble: str) -> Facts:
    """The same facts with one of them unread."""
    changed: Facts = with_fact(facts, path, unread(trouble, paths(facts)[path].read_from))
    return changed


def _children(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    return [(field.name, getattr(value, field.name)) for field in fields(value)]
