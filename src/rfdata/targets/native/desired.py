"""What a native deployment looks like on the disk: users, folders, files, limits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rfdata.errors import Unreachable
from rfdata.model.facts import SERVERS, Facts, Server, ServerPrograms
from rfdata.model.plan import MakeDirectory, SetAccess, WriteFile
from rfdata.postgres import access
from rfdata.postgres import settings as postgres_settings
from rfdata.postgres.settings import Host, PostgresPaths
from rfdata.redis import acl
from rfdata.redis import settings as redis_settings
from rfdata.redis.instance import REDIS_SERVERS, USERS, password
from rfdata.redis.settings import RedisPaths
from rfdata.secrets import Secret
from rfdata.targets.base import Desired
from rfdata.targets.native import systemd, watch
from rfdata.targets.native.layout import TLS_CURRENT, Home
from rfdata.targets.native.processes import server_command
from rfdata.targets.native.site import Site
from rfdata.tls.authority import CA_KEY
from rfdata.tls.names import default_names

INITDB = (
    "--username=postgres",
    "--data-checksums",
    "--encoding=UTF8",
    "--auth-local=peer",
    "--auth-host=scram-sha-256",
)
UNKNOWN: Mapping[Server, ServerPrograms] = {
    server: ServerPrograms("", "packaged", "/nowhere") for server in SERVERS
}
"""Enough to name every file; what is in a unit depends on the real programs."""


def desired(
    site: Site,
    programs: Mapping[Server, ServerPrograms],
    host: Host | None,
    *,
    limited: bool,
) -> Desired:
    """Everything that should be there; `limited` says whether this host lets us set limits."""
    config, places = site.config, site.layout
    settings = postgres_settings.desired(config, postgres_paths(site), host)
    redis: dict[Server, Mapping[str, redis_settings.Desired]] = {
        server: redis_settings.desired(config, server, redis_paths(site, server))
        for server in REDIS_SERVERS
    }
    return Desired(
        users=tuple(user for user in places.servers_users if user != places.own_user),
        folders=tuple(_folders(site)),
        files=(
            WriteFile(places.marker, f"{places.deployment}\n", 0o644, places.own_user),
            *(file for server in REDIS_SERVERS for file in _redis_files(site, server)),
            *(_units(site, programs) if systemd.in_charge(config) else ()),
        ),
        data_files=_postgres_files(site, postgres_settings.render(settings)),
        certificates={server: default_names(config, server) for server in SERVERS},
        keys={server: _key(site, server) for server in SERVERS},
        ca_key=SetAccess(config.directory / "certs" / CA_KEY, 0o600, ""),
        initdb_arguments=(*INITDB, *programs["postgres"].locale),
        limits={server: site.limits(server) for server in SERVERS} if limited else {},
        postgres=settings,
        redis=redis,
        acl_files={server: redis_paths(site, server).acl for server in REDIS_SERVERS},
    )


def known_programs(facts: Facts) -> Mapping[Server, ServerPrograms]:
    """Raises Unreachable when a server's programs are missing: nothing can be planned then."""
    found = {}
    for server in SERVERS:
        fact = facts.host.programs[server]
        if fact.content is None:
            raise Unreachable(
                f"{server}: {fact.trouble}", hint="run `rfdata runtime install`, or `rfdata doctor`"
            )
        found[server] = fact.content
    return found


def postgres_paths(site: Site) -> PostgresPaths:
    home = site.layout.home("postgres")
    return PostgresPaths(
        data=home.data,
        socket=site.layout.socket_folder,
        logs=home.log,
        certificate=home.tls / TLS_CURRENT / "server.crt",
        key=home.tls / TLS_CURRENT / "server.key",
    )


def redis_paths(site: Site, server: Server) -> RedisPaths:
    home = site.layout.home(server)
    return RedisPaths(
        data=home.data,
        log=home.log / "redis.log",
        pid=home.pid_file,
        acl=home.conf / "users.acl",
        tls=home.tls,
        supervised=systemd.in_charge(site.config),
    )


def _key(site: Site, server: Server) -> SetAccess:
    home = site.layout.home(server)
    return SetAccess(home.tls / TLS_CURRENT / "server.key", 0o600, home.user)


def _folders(site: Site) -> list[MakeDirectory]:
    """Parents first. The state folder itself is open, so that the servers' users get to theirs."""
    places = site.layout
    found = [
        MakeDirectory(places.state, 0o755, places.own_user),
        MakeDirectory(places.agent, 0o700, places.own_user),
    ]
    for home in places.homes:
        found += [MakeDirectory(home.root, 0o750, home.user)]
        found += [MakeDirectory(folder, 0o750, home.user) for folder in _inside(home)]
        if home.server != "postgres":  # initdb makes PostgreSQL's own
            found += [MakeDirectory(home.data, 0o700, home.user)]
    postgres = places.home("postgres")
    if not places.socket_folder.is_relative_to(postgres.root):
        if places.socket_folder.parent != Path("/tmp"):  # noqa: S108 - not ours to make
            found += [MakeDirectory(places.socket_folder.parent, 0o755, places.own_user)]
        found += [MakeDirectory(places.socket_folder, 0o700, postgres.user)]
    return found


def _inside(home: Home) -> tuple[Path, ...]:
    if home.server == "postgres":
        return (home.log, home.run, home.tls)
    return (home.conf, home.log, home.run, home.tls)


def _postgres_files(site: Site, configuration: str) -> tuple[WriteFile, ...]:
    """In the data folder. The operator is root, the server's user, and whoever runs rfdata."""
    home, paths = site.layout.home("postgres"), postgres_paths(site)
    operators = ("root", home.user, site.layout.own_user)
    return (
        WriteFile(paths.conf, configuration, 0o600, home.user),
        WriteFile(paths.hba, access.render_hba(site.config), 0o600, home.user),
        WriteFile(paths.ident, access.render_ident(site.config, operators), 0o600, home.user),
    )


def _redis_files(site: Site, server: Server) -> tuple[WriteFile, ...]:
    home, paths = site.layout.home(server), redis_paths(site, server)
    text = redis_settings.render(redis_settings.desired(site.config, server, paths))
    users = acl.render({user: password(site.config, server, user) for user in USERS})
    return (
        WriteFile(home.conf / "redis.conf", text, 0o600, home.user),
        WriteFile(paths.acl, Secret(users), 0o600, home.user),
    )


def _units(site: Site, programs: Mapping[Server, ServerPrograms]) -> tuple[WriteFile, ...]:
    config = site.config
    texts: dict[str, str] = {
        server: systemd.server_unit(
            config,
            site.layout,
            server,
            server_command(site.layout, server, programs[server].path),
            site.limits(server),
            notifies=programs[server].notifies,
        )
        for server in SERVERS
    }
    texts["agent"] = systemd.agent_unit(config, site.layout, watch.command(config))
    return tuple(
        WriteFile(systemd.unit_path(config, part), text, 0o644, "root")
        for part, text in texts.items()
    )
