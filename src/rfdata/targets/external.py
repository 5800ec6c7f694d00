"""Servers that someone else runs: everything that can be read is read, and nothing is ever changed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from rfdata.config.load import Config
from rfdata.errors import UsageError
from rfdata.migrations import facts as migration_facts
from rfdata.model.fact import Fact, now, unread
from rfdata.model.facts import (
    SERVERS,
    CertFacts,
    DeploymentFacts,
    Facts,
    HostFacts,
    Server,
)
from rfdata.model.plan import Action
from rfdata.postgres import facts as postgres
from rfdata.postgres.client import service
from rfdata.readings import Chain, single, take
from rfdata.redis import facts as redis
from rfdata.targets.base import Desired, Progress
from rfdata.targets.deployment import (
    build_env,
    env_chains,
    evidence_folder,
    folder_chains,
    statements,
    url_place,
)
from rfdata.tls import certificates

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

_NOT_OURS = "someone else's server: its host can't be seen from here"
_REFUSED = "these servers are run by someone else (target external): rfdata only verifies them"


class ExternalTarget:
    """Verify only: reached through DATABASE_URL, REDIS_URL and REDIS_DURABLE_URL of .env."""

    kind: Literal["external"] = "external"
    can_change = False

    def desired(self, config: Config, facts: Facts) -> Desired:  # noqa: ARG002 - the interface's
        _refuse()

    def execute(self, config: Config, action: Action, progress: Progress) -> None:  # noqa: ARG002
        _refuse()

    def database(self, config: Config) -> AbstractContextManager[Session]:
        """Read only, as whoever DATABASE_URL logs in as."""
        return service(config, read_only=True)

    def stop(self, config: Config, progress: Progress) -> tuple[Server, ...]:  # noqa: ARG002
        _refuse()

    def gather(self, config: Config) -> Facts:
        """Everything that a client can see. What only the host's owner sees stays unread."""
        started = now()
        chains = [
            *env_chains(config),
            *folder_chains(config),
            *migration_facts.chains(config, evidence_folder(config)),
            *postgres.chains(config),
            *(
                chain
                for server in SERVERS[1:]
                for chain in redis.chains(config, server, "", 0, None)
            ),
            *(_certificate(config, server) for server in SERVERS),
            single("certs.ca", str(config.ca_file), lambda: certificates.read(config.ca_file)),
        ]
        found = take(chains, config.settings.verify.fact_timeout)
        return Facts(
            gathered_at=started,
            env=build_env(found),
            postgres=postgres.build(found),
            redis=redis.build(found, "redis"),
            redis_durable=redis.build(found, "redis-durable"),
            certs=_certs(found),
            host=_host(),
            deployment=DeploymentFacts(
                files=unread(_NOT_OURS, "not tried"),
                folders=found["deployment.folders"],
                resolves=found["deployment.resolves"],
            ),
            migrations=migration_facts.build(found),
            statements=statements(config),
        )


def _refuse() -> NoReturn:
    raise UsageError(
        _REFUSED, hint="use `rfdata verify`; to build a layer, init one with --target native"
    )


def _certificate(config: Config, server: Server) -> Chain[Any]:
    variable = {
        "postgres": "DATABASE_URL",
        "redis": "REDIS_URL",
        "redis-durable": "REDIS_DURABLE_URL",
    }
    timeout = config.settings.verify.fact_timeout
    starttls: Literal["postgres"] | None = "postgres" if server == "postgres" else None

    def look() -> Any:
        host, port = url_place(config, variable[server])
        return certificates.live(host, port, timeout, config.ca_file, starttls)

    return single(
        f"certs.served.{server}", f"TLS handshake with the server of {variable[server]}", look
    )


def _certs(found: Mapping[str, Fact[Any]]) -> CertFacts:
    return CertFacts(
        ca=found["certs.ca"],
        ca_key=unread(_NOT_OURS, "not tried"),
        served={server: found[f"certs.served.{server}"] for server in SERVERS},
        on_disk={server: unread(_NOT_OURS, "not tried") for server in SERVERS},
        keys={server: unread(_NOT_OURS, "not tried") for server in SERVERS},
    )


def _host() -> HostFacts:
    def nothing() -> Fact[Any]:
        return unread(_NOT_OURS, "not tried")

    def of_each() -> dict[Server, Fact[Any]]:
        return {server: nothing() for server in SERVERS}

    return HostFacts(
        cpus=nothing(),
        memory=nothing(),
        users=nothing(),
        programs=of_each(),
        processes=of_each(),
        data=of_each(),
        disks=of_each(),
        limits=of_each(),
        limits_possible=nothing(),
        listeners=nothing(),
        watch=nothing(),
    )
