"""Every setting of `rfdata.toml`. The commented example beside this file is loaded by a test."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from rfdata.config.quantities import Duration, Size, format_size, parse_size

GB = 1024**3
MB = 1024**2
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9])?")


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _identifier(value: str) -> str:
    if not _IDENTIFIER.fullmatch(value):
        raise ValueError(
            "use lower-case letters, digits and _, at most 63 characters, no digit first"
        )
    return value


def _host(value: str) -> str:
    if value.startswith("["):
        raise ValueError("write an IPv6 address without brackets, for example ::1")
    if ":" in value or re.fullmatch(r"[0-9.]+", value):
        ipaddress.ip_address(value)
    elif not _HOST.fullmatch(value):
        raise ValueError("write a host name or an IP address")
    return value


def _address(value: str) -> str:
    ipaddress.ip_address(value)
    return value


def _network(value: str) -> str:
    ipaddress.ip_network(value)
    return value


Identifier = Annotated[str, AfterValidator(_identifier)]
Host = Annotated[str, AfterValidator(_host)]
Address = Annotated[str, AfterValidator(_address)]
Network = Annotated[str, AfterValidator(_network)]
Port = Annotated[int, Field(ge=1, le=65535)]


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
        if any(ord(character) < 32 for character in value):
            raise ValueError("a path has no control characters")
        return value


class ServerLimits(Section):
    cpus: Annotated[float, Field(gt=0, le=1024)]
    memory: Size
    memory_reservation: Size

    @model_validator(mode="after")
    def _reservation_fits(self) -> Self:
        if self.memory_reservation > self.memory:
            raise ValueError("memory_reservation is larger than memory")
        return self


class LogRotation(Section):
    max_size: Size
    max_files: Annotated[int, Field(ge=1, le=100)]

    @field_validator("max_size")
    @classmethod
    def _whole(cls, value: int) -> int:
        if value < MB:
            raise ValueError("at least 1MB")
        return value


class Postgres(Section):
    host: Host = "127.0.0.1"
    port: Port = 5432
    listen_addresses: tuple[Address, ...] = ("127.0.0.1",)
    networks: tuple[Network, ...] = ("127.0.0.1/32", "::1/128")
    database: Identifier = "researchflow"
    user: Identifier = "researchflow_user"
    tuning: Literal["checklist", "auto"] = "checklist"
    max_connections: Annotated[int, Field(ge=20, le=10000)] = 200
    shared_buffers: Size = parse_size("256MB")
    effective_cache_size: Size = parse_size("768MB")
    checkpoint_completion_target: Annotated[float, Field(ge=0, le=1)] = 0.9
    log_statement: Literal["none", "ddl", "mod", "all"] = "ddl"
    log_min_duration_statement: Duration = 1.0
    idle_in_transaction_session_timeout: Duration = 600.0
    lock_timeout: Duration = 0.0
    statement_timeout: Duration = 0.0
    settings: dict[Identifier, str | int | float | bool] = Field(default_factory=dict)
    limits: ServerLimits = ServerLimits.model_construct(
        cpus=4.0, memory=8 * GB, memory_reservation=2 * GB
    )
    log: LogRotation = LogRotation.model_construct(max_size=50 * MB, max_files=5)


class Redis(Section):
    host: Host = "127.0.0.1"
    port: Port = 6379
    listen_addresses: tuple[Address, ...] = ("127.0.0.1",)
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
    limits: ServerLimits = ServerLimits.model_construct(
        cpus=1.0, memory=1536 * MB, memory_reservation=256 * MB
    )
    log: LogRotation = LogRotation.model_construct(max_size=20 * MB, max_files=3)


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
