"""Every setting of `rfdata.toml`. The commented example beside this file is loaded by a test."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from rfdata.config.quantities import Duration, Size, format_size, parse_size

GB = 1024**3
MB = 1024**2
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_SETTING = re.compile(r"[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9])?")


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _identifier(value: str) -> str:
    if not _IDENTIFIER.fullmatch(value):
        raise ValueError(
            "use lower-case letters, digits and _, at most 63 characters, no digit first"
        )
    return value


def _setting(name: str) -> str:
    if not _SETTING.fullmatch(name):
        raise ValueError("write a setting's name in lower case, for example random_page_cost")
    return name


def _setting_value(value: object) -> object:
    if not isinstance(value, str | int | float):
        raise ValueError("write text, a number, true or false")
    if isinstance(value, str) and _has_control_characters(value):
        raise ValueError("the value holds a control character")
    if not isinstance(value, str) and not abs(value) < 2**63:
        raise ValueError("no setting takes such a number")
    return value


def _host(value: str) -> str:
    if value.startswith("["):
        raise ValueError("write an IPv6 address without brackets, for example ::1")
    if ":" in value or re.fullmatch(r"[0-9.]+", value):
        return _address(value)
    if not _HOST.fullmatch(value):
        raise ValueError("write a host name or an IP address")
    return value


def _address(value: str) -> str:
    if "%" in value:
        raise ValueError("write the address without a zone (what follows the %)")
    ipaddress.ip_address(value)
    return value


def _network(value: str) -> str:
    """In CIDR, the only form that pg_hba.conf takes in one word."""
    if "%" in value:
        raise ValueError("write the network without a zone (what follows the %)")
    return str(ipaddress.ip_network(value))


def _some(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise ValueError("write at least one")
    if len(set(values)) < len(values):
        raise ValueError("one of them is there twice")
    return values


def _between(low: str, high: str) -> Callable[[int], int]:
    """A size that PostgreSQL takes."""
    least, most = parse_size(low), parse_size(high)

    def check(value: int) -> int:
        if not least <= value <= most:
            raise ValueError(f"between {low} and {high}")
        return value

    return check


def _whole_milliseconds(value: float) -> float:
    """PostgreSQL counts these in milliseconds: what is finer would become 0, which means never."""
    if round(value * 1_000_000) % 1000:
        raise ValueError("in whole milliseconds")
    return value


def _has_control_characters(value: str) -> bool:
    return any(ord(character) < 32 or 127 <= ord(character) < 160 for character in value)


Identifier = Annotated[str, AfterValidator(_identifier)]
Host = Annotated[str, AfterValidator(_host)]
Address = Annotated[str, AfterValidator(_address)]
Network = Annotated[str, AfterValidator(_network)]
Addresses = Annotated[tuple[Address, ...], AfterValidator(_some)]
Networks = Annotated[tuple[Network, ...], AfterValidator(_some)]
Port = Annotated[int, Field(ge=1, le=65535)]
SettingName = Annotated[str, AfterValidator(_setting)]
SettingValue = Annotated[str | int | float | bool, BeforeValidator(_setting_value)]
Cpus = Annotated[float, Field(ge=0.01, le=1024)]
LogSize = Annotated[Size, AfterValidator(_between("1MB", "2047MB"))]
LogFiles = Annotated[int, Field(ge=1, le=100)]
Milliseconds = Annotated[Duration, AfterValidator(_whole_milliseconds)]


class Deployment(Section):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")] = "researchflow"
    profile: Literal["dev", "prod"] = "prod"
    target: Literal["native", "external"] = "native"


class Native(Section):
    state: str = ""
    """Absolute folder for data, logs and sockets; empty: `var` inside the deployment."""
    postgres_user: Identifier = "postgres"
    redis_user: Identifier = "redis"
    postgres_bin: str = ""
    redis_server: str = ""
    watch: Literal["auto", "systemd", "agent"] = "auto"

    @field_validator("state", "postgres_bin", "redis_server")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if value and not value.startswith("/"):
            raise ValueError("write an absolute path, or leave it empty")
        if _has_control_characters(value):
            raise ValueError("a path has no control characters")
        return value


class ServerLimits(Section):
    cpus: Cpus
    memory: Size
    memory_reservation: Size

    @model_validator(mode="after")
    def _reservation_fits(self) -> Self:
        if self.memory_reservation > self.memory:
            raise ValueError("memory_reservation is larger than memory")
        return self


class PostgresLimits(ServerLimits):
    cpus: Cpus = 4.0
    memory: Size = 8 * GB
    memory_reservation: Size = 2 * GB


class RedisLimits(ServerLimits):
    cpus: Cpus = 1.0
    memory: Size = 1536 * MB
    memory_reservation: Size = 256 * MB


class LogRotation(Section):
    max_size: LogSize
    max_files: LogFiles


class PostgresLog(LogRotation):
    max_size: LogSize = 50 * MB
    max_files: LogFiles = 5


class RedisLog(LogRotation):
    max_size: LogSize = 20 * MB
    max_files: LogFiles = 3


class Postgres(Section):
    host: Host = "127.0.0.1"
    port: Port = 5432
    listen_addresses: Addresses = ("127.0.0.1",)
    networks: Networks = ("127.0.0.1/32", "::1/128")
    database: Identifier = "researchflow"
    user: Identifier = "researchflow_user"
    tuning: Literal["checklist", "auto"] = "checklist"
    max_connections: Annotated[int, Field(ge=20, le=10000)] = 200
    shared_buffers: Annotated[Size, AfterValidator(_between("128kB", "8191GB"))] = 256 * MB
    effective_cache_size: Annotated[Size, AfterValidator(_between("8kB", "16383GB"))] = 768 * MB
    checkpoint_completion_target: Annotated[float, Field(ge=0, le=1)] = 0.9
    log_statement: Literal["none", "ddl", "mod", "all"] = "ddl"
    log_min_duration_statement: Milliseconds = 1.0
    idle_in_transaction_session_timeout: Milliseconds = 600.0
    lock_timeout: Milliseconds = 0.0
    statement_timeout: Milliseconds = 0.0
    settings: dict[SettingName, SettingValue] = Field(default_factory=dict)
    limits: PostgresLimits = PostgresLimits()
    log: PostgresLog = PostgresLog()


class Redis(Section):
    host: Host = "127.0.0.1"
    port: Port = 6379
    listen_addresses: Addresses = ("127.0.0.1",)
    maxmemory: Size = GB
    maxmemory_policy: Literal[
        "noeviction",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
    ] = "allkeys-lru"
    appendfsync: Literal["always", "everysec", "no"] = "everysec"
    limits: RedisLimits = RedisLimits()
    log: RedisLog = RedisLog()


class RedisDurable(Redis):
    port: Port = 6380
    maxmemory_policy: Literal[
        "noeviction",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
    ] = "noeviction"
    appendfsync: Literal["always", "everysec", "no"] = "always"


class Tls(Section):
    ca_days: Annotated[int, Field(ge=30, le=3650)] = 3650
    certificate_days: Annotated[int, Field(ge=2, le=825)] = 825
    renew_before_days: Annotated[int, Field(ge=1, le=365)] = 30
    names: tuple[Host, ...] = ()
    """Further names for the certificates, beside localhost, the loopback addresses, the host's and the servers'."""

    @model_validator(mode="after")
    def _renewal_ends(self) -> Self:
        if self.renew_before_days >= min(self.ca_days, self.certificate_days):
            raise ValueError(
                "renew_before_days must be less than ca_days and certificate_days, "
                "or a new certificate would be due at once"
            )
        return self


class Health(Section):
    interval: Duration = 10.0
    timeout: Duration = 5.0
    retries: Annotated[int, Field(ge=1, le=100)] = 5
    start_period: Duration = 30.0

    @field_validator("interval", "timeout")
    @classmethod
    def _positive(cls, value: float) -> float:
        if value < 0.1:
            raise ValueError("at least 100ms")
        return value


class Verify(Section):
    fact_timeout: Duration = 5.0
    min_free_disk: Size = 5 * GB

    @field_validator("fact_timeout")
    @classmethod
    def _positive(cls, value: float) -> float:
        if value < 0.1:
            raise ValueError("at least 100ms")
        return value


class Migrations(Section):
    """How patient a migration is. Times in seconds."""

    lock_timeout: Milliseconds = 3.0
    lock_retries: Annotated[int, Field(ge=0, le=1000)] = 10
    statement_timeout: Milliseconds = 3600.0

    @field_validator("lock_timeout", "statement_timeout")
    @classmethod
    def _positive(cls, value: float) -> float:
        if value < 0.001:
            raise ValueError("at least 1ms: without a limit one lock stops every service")
        return value


class Settings(Section):
    """The whole of `rfdata.toml`."""

    deployment: Deployment = Deployment()
    native: Native = Native()
    postgres: Postgres = Postgres()
    redis: Redis = Redis()
    redis_durable: RedisDurable = RedisDurable()
    tls: Tls = Tls()
    health: Health = Health()
    verify: Verify = Verify()
    migrations: Migrations = Migrations()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        postgres = self.postgres
        if postgres.shared_buffers > postgres.limits.memory // 2:
            raise ValueError(
                f"postgres.shared_buffers ({format_size(postgres.shared_buffers)}) is more than half of "
                f"postgres.limits.memory ({format_size(postgres.limits.memory)}): the rest could not work"
            )
        if postgres.effective_cache_size > postgres.limits.memory:
            raise ValueError("postgres.effective_cache_size is larger than postgres.limits.memory")
        for name, redis in (("redis", self.redis), ("redis_durable", self.redis_durable)):
            if redis.maxmemory < MB:
                raise ValueError(f"{name}.maxmemory is below 1MB")
            if redis.maxmemory >= redis.limits.memory:
                raise ValueError(
                    f"{name}.maxmemory ({format_size(redis.maxmemory)}) leaves no room below "
                    f"{name}.limits.memory ({format_size(redis.limits.memory)}) for forks and client buffers"
                )
        if self.deployment.target == "native":
            ports = [postgres.port, self.redis.port, self.redis_durable.port]
            if len(set(ports)) < len(ports):
                raise ValueError("postgres.port, redis.port and redis_durable.port must differ")
        return self
