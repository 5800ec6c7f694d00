"""The native target: servers as processes of this host, read and changed through one interface."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from rfdata import files
from rfdata.config.load import Config
from rfdata.errors import ChangeFailed
from rfdata.files import Owner
from rfdata.migrations import facts as migration_facts
from rfdata.model.fact import now
from rfdata.model.facts import SERVERS, DeploymentFacts, Facts, Limits, Server
from rfdata.model.plan import (
    Action,
    CreateSystemUser,
    InitDatabase,
    IssueAuthority,
    IssueCertificate,
    MakeDirectory,
    Migrate,
    Rehearse,
    ReloadServer,
    RestartServer,
    RollBack,
    SetAccess,
    SetLimits,
    SetRedisSetting,
    SqlAction,
    StartServer,
    StartWatch,
    WriteFile,
)
from rfdata.postgres import actions as postgres_actions
from rfdata.postgres import facts as postgres_facts
from rfdata.postgres.client import operator
from rfdata.postgres.extras import validate
from rfdata.postgres.settings import Host
from rfdata.readings import Chain, take
from rfdata.redis import actions as redis_actions
from rfdata.redis import facts as redis_facts
from rfdata.redis.client import Login, managed
from rfdata.redis.instance import REDIS_SERVERS
from rfdata.shell import Command, run
from rfdata.targets.base import Desired, Progress
from rfdata.targets.deployment import (
    build_env,
    env_chains,
    evidence_folder,
    folder_chains,
    statements,
)
from rfdata.targets.native import (
    certs,
    claim,
    host,
    identity,
    limits,
    ports,
    processes,
    systemd,
    watch,
)
from rfdata.targets.native.database import initialise
from rfdata.targets.native.desired import UNKNOWN, desired, known_programs, redis_paths
from rfdata.targets.native.layout import layout
from rfdata.targets.native.programs import Programs
from rfdata.targets.native.sessions import Sessions
from rfdata.targets.native.site import Site
from rfdata.tls import authority

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from rfdata.postgres.client import Session


class NativeTarget:
    """Servers on this host. Looked for once: the programs. Everything else is read each time."""

    kind: Literal["native"] = "native"
    can_change = True

    def __init__(self, config: Config) -> None:
        self._programs = Programs(config)
        self._sessions = Sessions()

    def desired(self, config: Config, facts: Facts) -> Desired:
        """What should be there. Raises UsageError for settings that PostgreSQL itself turns down."""
        programs = known_programs(facts)
        if config.settings.postgres.settings:
            validate(config, Path(programs["postgres"].path))
        memory, cpus = facts.host.memory.content, facts.host.cpus.content
        known = Host(memory, cpus) if memory and cpus else None
        limited = facts.host.limits_possible.content is True
        return desired(self._site(config), programs, known, limited=limited)

    def gather(self, config: Config) -> Facts:
        """Read everything at once. Raises UsageError when this place can't be this deployment's."""
        self._sessions.close()
        site = self._site(config)
        _require_possible(site)
        started = now()
        said = statements(config)
        named = desired(site, UNKNOWN, None, limited=False)
        found = take(_chains(site, named), config.settings.verify.fact_timeout)
        return Facts(
            gathered_at=started,
            env=build_env(found),
            postgres=postgres_facts.build(found),
            redis=redis_facts.build(found, "redis"),
            redis_durable=redis_facts.build(found, "redis-durable"),
            certs=certs.build(found),
            host=host.build(found),
            deployment=DeploymentFacts(
                files=found["deployment.files"],
                folders=found["deployment.folders"],
                resolves=found["deployment.resolves"],
            ),
            migrations=migration_facts.build(found),
            statements=said,
        )

    def execute(self, config: Config, action: Action, progress: Progress) -> None:
        """Do one step. Every step may be cut short anywhere and done again."""
        site = self._site(config)
        _require_possible(site)
        match action:
            case CreateSystemUser(user):
                _create_user(user)
            case MakeDirectory(path, mode, user):
                files.make_directory(path, mode=mode, owner=_owner(user))
            case SetAccess(path, mode, user):
                files.set_access(path, mode=mode, owner=_owner(user))
            case WriteFile(path, content, mode, user):
                files.write(path, content, mode=mode, owner=_owner(user))
            case IssueAuthority(days):
                _issue_authority(config, days)
            case IssueCertificate(server, names, days):
                home = site.layout.home(server)
                folder = config.directory / "certs"
                authority.issue_certificate(folder, home.tls, names, days, Owner.named(home.user))
            case InitDatabase(arguments):
                initialise(site.layout.home("postgres"), site.programs, arguments, progress)
            case StartServer(server):
                processes.start(site, server, progress)
            case RestartServer(server):
                self._sessions.close()
                processes.restart(site, server, progress)
            case ReloadServer(server):
                _reload(site, server)
            case SetLimits(server, wanted):
                _limit(site, server, wanted)
            case StartWatch():
                progress("starting the watch")
                watch.start(config)
            case SetRedisSetting(server):
                redis_actions.change_setting(_admin(site, server), action)
            case Migrate() | RollBack() | Rehearse():
                from rfdata.targets.native import migrate

                self._sessions.close()  # a database that somebody is in is no template
                migrate.execute(site, action, progress)
            case _ if isinstance(action, get_args(SqlAction)):
                postgres_actions.execute(partial(self._sessions.connect, site), config, action)
            case _:
                raise ChangeFailed(f"{type(action).__name__}: no such step on the native target")

    def database(self, config: Config) -> AbstractContextManager[Session]:
        """The operator's, over the unix socket."""
        site = self._site(config)
        port, database = site.place("postgres").port, config.settings.postgres.database
        return operator(site.layout.socket_folder, port, database)

    def stop(self, config: Config, progress: Progress) -> tuple[Server, ...]:
        """First whoever would start them again, then the servers. What was written is kept."""
        self._sessions.close()
        site = self._site(config)
        _require_possible(site)
        if not site.layout.state.is_dir():
            return ()
        files.make_directory(site.layout.agent, mode=0o700)
        watch.set_wanted(site.layout, ())
        watch.stop(config)
        if systemd.in_charge(config):
            systemd.disable(config)
        stopped = []
        for server in reversed(SERVERS):
            progress(f"stopping {server}")
            if processes.stop(site, server, progress):
                stopped.append(server)
        return tuple(reversed(stopped))

    def _site(self, config: Config) -> Site:
        return Site(config, layout(config), self._programs)


def _require_possible(site: Site) -> None:
    """Everything that makes it impossible from the start, before anything is done."""
    claim.require_ours(site.layout)
    claim.require_reachable(site.layout)
    claim.require_cluster_or_nothing(site.layout)
    ports.require_allowed(site.config)
    if systemd.in_charge(site.config):
        systemd.require_ours(site.config)


def _chains(site: Site, named: Desired) -> list[Chain[Any]]:
    config, places = site.config, site.layout
    postgres = places.home("postgres")
    redis = [
        chain
        for server in REDIS_SERVERS
        for chain in redis_facts.chains(
            config, server, *site.address(server), places.home(server).log
        )
    ]
    return [
        *host.chains(site, named),
        *postgres_facts.chains(
            config,
            socket=places.socket_folder,
            logs_folder=postgres.log,
        ),
        *redis,
        *certs.chains(site),
        *env_chains(config),
        *folder_chains(config),
        *migration_facts.chains(config, evidence_folder(config), socket=places.socket_folder),
    ]


def _owner(user: str) -> Owner | None:
    return Owner.named(user) if user else None


def _create_user(user: str) -> None:
    """A system user that nobody logs in as."""
    if host.user_exists(user):
        return
    group = ("--gid", user) if host.group_exists(user) else ("--user-group",)
    options = ("--system", "--no-create-home", "--home-dir", "/nonexistent")
    run(Command(("useradd", *options, *group, "--shell", "/usr/sbin/nologin", user)))


def _issue_authority(config: Config, days: int) -> None:
    folder = config.directory / "certs"
    if not folder.is_dir():
        files.make_directory(folder)
    authority.issue_authority(
        folder,
        days,
        f"{config.settings.deployment.name} CA",
        config.settings.tls.renew_before_days,
    )


def _reload(site: Site, server: Server) -> None:
    if server == "postgres":
        postgres_actions.reload(_operator(site))
    else:
        redis_actions.reload(_admin(site, server), redis_paths(site, server))


def _limit(site: Site, server: Server, wanted: Limits) -> None:
    """A server that does not run gets its limits when it starts."""
    process = identity.running(site.layout.home(server))
    if process is None:
        return
    if systemd.in_charge(site.config):
        systemd.set_limits(site.config, server, wanted)
    else:
        limits.enforce(site.layout.identity, server, process, wanted)


def _admin(site: Site, server: Server) -> Login:
    place = site.place(server)
    return managed(site.config, server, place.host, place.port, "admin")


def _operator(site: Site) -> postgres_actions.Connect:
    port = site.place("postgres").port

    def connect(database: str) -> AbstractContextManager[Connection[TupleRow]]:
        return operator(site.layout.socket_folder, port, database)

    return connect
