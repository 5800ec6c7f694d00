"""A layer in perfect health, as facts: production profile, native target. Nothing is read or written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from tests.checklist.healthy_schema import schema

from rfdata.config import env as dotenv
from rfdata.config.load import Config, parse_settings
from rfdata.config.services import GROUPS, SERVICES
from rfdata.config.variables import NAMES
from rfdata.model.evidence import Statements
from rfdata.model.fact import Fact
from rfdata.model.facts import (
    SERVERS,
    AclUser,
    Activity,
    CertFacts,
    Certificate,
    Database,
    DeploymentFacts,
    Disk,
    EnvFacts,
    Facts,
    FileState,
    GitState,
    HbaRule,
    HealthRecord,
    HostFacts,
    Ledger,
    LedgerEntry,
    Limits,
    Listener,
    LogFile,
    LogState,
    MigrationFacts,
    MigrationFile,
    MigrationFolder,
    PostgresFacts,
    PostgresServer,
    Privilege,
    Probe,
    Probes,
    Process,
    RedisFacts,
    Rehearsal,
    Role,
    SecretStrength,
    Server,
    ServerPrograms,
    Setting,
    UrlParts,
    Watch,
    paths,
    with_fact,
    without,
)
from rfdata.model.migrations import rehearsed_as
from rfdata.secrets import Secret

T = TypeVar("T")

NOW = datetime(2026, 2, 1, 12, 0, tzinfo=UTC)
"""When the facts were gathered."""
MB = 1024**2
GB = 1024**3
PORTS: dict[Server, int] = {"postgres": 5432, "redis": 6379, "redis-durable": 6380}
USERS: dict[Server, str] = {"postgres": "postgres", "redis": "redis", "redis-durable": "redis"}
PIDS: dict[Server, int] = {"postgres": 4101, "redis": 4102, "redis-durable": 4103}


def healthy_config(directory: Path, toml: str = "") -> Config:
    """A deployment in this folder; `toml` is what rfdata.toml says. Nothing is written."""
    settings = parse_settings(toml, directory / "rfdata.toml")
    secrets = {name: Secret(f"{name}-{'0123456789abcdefghijklmnop'}") for name in dotenv.SECRETS}
    values = {**secrets, **dotenv.derived(settings, directory, secrets)}
    held = {n: v if isinstance(v, Secret) else Secret(v) for n, v in values.items()}
    return Config(directory, settings, held, dotenv.update("", held))


def healthy_facts(config: Config) -> Facts:
    """What would be read if everything of this configuration were in force. TOML beyond the
    profile is only followed where the defaults are."""
    return Facts(
        gathered_at=NOW,
        env=_env(config),
        postgres=_postgres(config),
        redis=_redis(config, "redis"),
        redis_durable=_redis(config, "redis-durable"),
        certs=_certs(),
        host=_host(config),
        deployment=_deployment(config),
        migrations=_migrations(config),
        statements=Statements({}, {}),
    )


EXTERNAL = '[deployment]\ntarget = "external"\n'
DENIED = "the ledger: permission denied for schema rfdata"
FOREIGN = "someone else's server: its host can't be seen from here"
_HOST_ONLY = ("host.", "certs.on_disk.", "certs.keys.", "certs.ca_key", "deployment.files")


def external_config(directory: Path, toml: str = EXTERNAL, *, durable: bool = True) -> Config:
    """Someone else's servers, of which only the URLs and the CA are known."""
    config = healthy_config(directory, toml)
    known = {"DATABASE_URL", "REDIS_URL", "TLS_CA_FILE"}
    if durable:
        known.add("REDIS_DURABLE_URL")
    return replace(config, env={n: v for n, v in config.env.items() if n in known})


def external_facts(config: Config) -> Facts:
    """What a client sees of such servers when they are as healthy as ours."""
    facts = healthy_facts(config)
    for path in paths(facts):
        if path.startswith(_HOST_ONLY) or path.endswith(".log"):
            facts = without(facts, path, FOREIGN)
    for path in ("migrations.ledger", "migrations.verified"):
        denied = replace(paths(facts)[path], content=None, trouble=DENIED, denied=True)
        facts = with_fact(facts, path, denied)
    roles = {
        name: replace(found, password="hidden", password_matches=None)
        for name, found in facts.postgres.roles.value.items()
    }
    for path, content in {
        "postgres.roles": roles,
        "env.strengths": {},
        "env.urls": {n: u for n, u in facts.env.urls.value.items() if n in config.env},
    }.items():
        old = paths(facts)[path]
        facts = with_fact(facts, path, replace(old, content=content))
    return facts


def fact(content: T, read_from: str) -> Fact[T]:
    """A reading that took 12 ms."""
    return Fact(read_from, content, None, NOW, NOW + timedelta(milliseconds=12))


def _env(config: Config) -> EnvFacts:
    env, folder = ".env", config.directory
    public = {n: v.reveal() for n, v in config.env.items() if not dotenv.is_secret(n)}
    postgres, redis, durable = (
        config.settings.postgres,
        config.settings.redis,
        config.settings.redis_durable,
    )
    urls = {
        "DATABASE_URL": UrlParts(
            "postgresql", postgres.user, postgres.host, postgres.port, postgres.database,
            "verify-full", True,
        ),
        "REDIS_URL": UrlParts("rediss", "", redis.host, redis.port, "0", "", True),
        "REDIS_DURABLE_URL": UrlParts("rediss", "", durable.host, durable.port, "0", "", True),
    }  # fmt: skip
    return EnvFacts(
        file=fact(FileState(True, 0o600, "root", "root"), f"{folder}/.env"),
        names=fact(frozenset(config.env), env),
        public=fact(public, env),
        strengths=fact({name: SecretStrength(43, 215.0, True) for name in dotenv.SECRETS}, env),
        urls=fact(urls, env),
        example_names=fact(frozenset(NAMES), ".env.example"),
        template_names=fact(frozenset(NAMES), ".env.production.template"),
        template_secrets=fact(frozenset(), ".env.example and .env.production.template"),
        git=fact(GitState(True, True, False, False), f"git in {folder}"),
    )


def _postgres(config: Config) -> PostgresFacts:
    over = "over the operator's socket"
    name = config.settings.postgres.database
    server = PostgresServer(
        "16.14", 160014, NOW - timedelta(hours=30), "/var/lib/rfdata/pg", False, 16 * MB
    )
    return PostgresFacts(
        server=fact(server, f"server_version and others {over}"),
        settings=fact(_settings(config), f"pg_settings {over}"),
        database=fact(
            Database(f"{name}_owner", "UTF8", "libc", "en_US.UTF-8", "2.36", "2.36"),
            f"pg_database {over}",
        ),
        databases=fact(frozenset({"postgres", name}), f"pg_database {over}"),
        extensions=fact(
            {"plpgsql": "1.0", "vector": "0.8.5", "pg_stat_statements": "1.10"},
            f"pg_extension {over}",
        ),
        extensions_available=fact({"vector": "0.8.5"}, f"pg_available_extensions {over}"),
        roles=fact(_roles(config), f"pg_roles {over}"),
        privileges=fact(_privileges(config), f"pg_database, pg_namespace {over}"),
        schema_owner=fact(f"{name}_owner", f"pg_namespace {over}"),
        hba=fact(_hba(config), f"pg_hba_file_rules {over}"),
        config_errors=fact((), f"pg_file_settings, pg_hba_file_rules {over}"),
        activity=fact(Activity(17, 0), f"pg_stat_activity {over}"),
        ready=fact(True, "pg_isready -h 127.0.0.1 -p 5432"),
        log=fact(LogState((LogFile("postgresql-2026-02-01.log", 3 * MB),), ()), "postgres/log"),
        probes=_probes("postgres"),
    )


def _settings(config: Config) -> dict[str, Setting]:
    values = {
        "archive_command": "(disabled)",
        "archive_library": "",
        "archive_mode": "off",
        "autovacuum": "on",
        "checkpoint_completion_target": "0.9",
        "data_checksums": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "log_connections": "on",
        "log_disconnections": "on",
        "log_line_prefix": "%m [%p] %e user=%u db=%d app=%a client=%h ",
        "log_lock_waits": "on",
        "log_statement": config.settings.postgres.log_statement,
        "logging_collector": "on",
        "max_connections": str(config.settings.postgres.max_connections),
        "max_replication_slots": "10",
        "max_wal_senders": "10",
        "password_encryption": "scram-sha-256",
        "shared_preload_libraries": "pg_stat_statements",
        "ssl": "on",
        "ssl_min_protocol_version": "TLSv1.2",
        "superuser_reserved_connections": "3",
        "synchronous_commit": "on",
        "track_counts": "on",
        "wal_level": "replica",
    }
    figures = {
        "effective_cache_size": ("98304", "8kB"),
        "idle_in_transaction_session_timeout": ("600000", "ms"),
        "log_min_duration_statement": ("1000", "ms"),
        "log_rotation_size": ("51200", "kB"),
        "max_slot_wal_keep_size": ("8192", "MB"),
        "shared_buffers": ("32768", "8kB"),
    }
    both = {name: (value, "") for name, value in values.items()} | figures
    return {
        name: Setting(value, unit, "sighup", "configuration file", False)
        for name, (value, unit) in both.items()
    }


def role(
    *member_of: str,
    login: bool = True,
    replication: bool = False,
    bypass_rls: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Role:
    """A role with the password of .env."""
    return Role(
        login=login,
        superuser=False,
        create_db=False,
        create_role=False,
        replication=replication,
        bypass_rls=bypass_rls,
        connection_limit=-1,
        member_of=frozenset(member_of),
        settings=settings or {},
        password="scram-sha-256" if login else "none",
        password_matches=True if login else None,
    )


def _roles(config: Config) -> dict[str, Role]:
    name = config.settings.postgres.database
    return {
        "postgres": Role(True, True, True, True, True, True, -1, frozenset(), {}, "none", None),
        f"{name}_owner": role(login=False),
        f"{name}_migrator": role(f"{name}_owner", settings={"role": f"{name}_owner"}),
        config.settings.postgres.user: role(),
        f"{name}_readonly": role(settings={"default_transaction_read_only": "on"}),
        **{group: role(login=False) for group in GROUPS},
        **{f"{name}_{service}": role(*groups) for service, groups in SERVICES.items()},
        f"{name}_monitor": role("pg_monitor"),
        f"{name}_backup": role("pg_read_all_data", replication=True, bypass_rls=True),
    }


def _privileges(config: Config) -> frozenset[Privilege]:
    name, app = config.settings.postgres.database, config.settings.postgres.user
    owner = f"{name}_owner"
    return frozenset(
        {
            *(
                Privilege("database", name, what, owner)
                for what in ("CONNECT", "CREATE", "TEMPORARY")
            ),
            *(Privilege("schema", "public", what, owner) for what in ("USAGE", "CREATE")),
            *(
                Privilege("database", name, "CONNECT", role)
                for role in (app, f"{name}_readonly", f"{name}_monitor", f"{name}_backup")
            ),
            *(
                Privilege("schema", "public", "USAGE", role)
                for role in (app, f"{name}_readonly", f"{name}_monitor")
            ),
            Privilege("tables", "public", "SELECT", f"{name}_readonly"),
        }
    )


def _hba(config: Config) -> tuple[HbaRule, ...]:
    name, app = config.settings.postgres.database, config.settings.postgres.user
    services = (app, *(f"{name}_{who}" for who in ("migrator", "readonly", "monitor", "backup")))
    rules = [
        ("local", ("all",), ("postgres",), "", "peer"),
        ("local", ("all",), ("all",), "", "reject"),
        ("hostnossl", ("all",), ("all",), "all", "reject"),
        ("host", ("all",), ("postgres",), "all", "reject"),
        ("host", ("replication",), ("postgres",), "all", "reject"),
        *(
            ("hostssl", (name,), services, network, "scram-sha-256")
            for network in config.settings.postgres.networks
        ),
        *(
            ("hostssl", ("replication",), (f"{name}_backup",), network, "scram-sha-256")
            for network in config.settings.postgres.networks
        ),
        ("host", ("all",), ("all",), "all", "reject"),
    ]
    return tuple(
        HbaRule(line, type, databases, users, address, method, "")
        for line, (type, databases, users, address, method) in enumerate(rules, start=5)
    )


def _probes(server: Server) -> Probes:
    def refused(what: str, detail: str) -> Fact[Probe]:
        return fact(Probe(False, detail, "", 3.0), f"{what} probe at 127.0.0.1:{PORTS[server]}")

    answer = "SELECT 1 answered 1" if server == "postgres" else "AUTH accepted, PING answered PONG"
    where = f"login probe at 127.0.0.1:{PORTS[server]}"
    wrong = "password authentication failed" if server == "postgres" else "WRONGPASS"
    return Probes(
        login=fact(Probe(True, answer, "TLSv1.3", 6.5), where),
        plaintext=refused("plaintext", "the server hung up"),
        wrong_password=refused("wrong password", wrong),
        no_password=refused("no password", "the server asks for a password"),
        foreign_ca=refused("foreign CA", "the client turned the certificate down"),
        old_tls=refused("old TLS", "alert: protocol version"),
        foreign_network=refused("foreign network", "no pg_hba.conf entry for host"),
    )


def _redis(config: Config, server: Server) -> RedisFacts:
    redis = config.settings.redis if server == "redis" else config.settings.redis_durable
    where = f"at 127.0.0.1:{redis.port}"
    info = {
        "redis_version": "7.0.15",
        "role": "master",
        "loading": "0",
        "evicted_keys": "0",
        "used_memory": str(64 * MB),
        "aof_enabled": "1",
        "aof_last_write_status": "ok",
        "aof_last_bgrewrite_status": "ok",
        "rdb_last_bgsave_status": "ok",
    }
    settings = {
        "appendfsync": redis.appendfsync,
        "appendonly": "yes",
        "enable-debug-command": "no",
        "enable-module-command": "no",
        "enable-protected-configs": "no",
        "maxmemory": str(redis.maxmemory),
        "maxmemory-policy": redis.maxmemory_policy,
        "no-appendfsync-on-rewrite": "no",
        "port": "0",
        "protected-mode": "yes",
        "tls-port": str(redis.port),
        "tls-protocols": "TLSv1.2 TLSv1.3",
    }
    app = "~* &* +@all -@dangerous (resetchannels -@all +info +client|list)"
    acl = {
        "default": AclUser(True, False, True, app),
        "admin": AclUser(True, False, True, "~* &* +@all"),
        "monitor": AclUser(True, False, True, "resetchannels -@all +ping +info +config|get"),
    }
    return RedisFacts(
        admitted=fact(True, f"AUTH as the admin user {where}"),
        info=fact(info, f"INFO everything {where}"),
        settings=fact(settings, f"CONFIG GET * {where}"),
        acl=fact(acl, f"ACL LIST {where}"),
        databases=fact(frozenset({0, 1}), f"SELECT 0, SELECT 1 as the app user {where}"),
        log=fact(LogState((LogFile("redis.log", MB),), ()), f"{server}/log/redis.log*"),
        probes=_probes(server),
    )


def certificate(*names: str, days: int = 825, age: int = 100, **changes: object) -> Certificate:
    """A server's certificate that was issued some days ago."""
    start = NOW - timedelta(days=age)
    fields: dict[str, object] = {
        "subject": f"CN={names[0]}",
        "names": frozenset(names),
        "not_before": start,
        "not_after": start + timedelta(days=days),
        "key": "ECDSA P-256",
        "self_signed": False,
        "issued_by_ca": True,
        "fingerprint": f"{names[0]:0<64}",
    }
    return Certificate(**(fields | changes))  # type: ignore[arg-type]


def _certs() -> CertFacts:
    served = {s: certificate(s, "localhost", "127.0.0.1", "::1", "db1") for s in SERVERS}
    ca = certificate("researchflow CA", days=3650, self_signed=True)
    key = FileState(True, 0o600, "root", "root")
    return CertFacts(
        ca=fact(ca, "certs/ca.crt"),
        ca_key=fact(key, "certs/ca.key"),
        served={s: fact(served[s], f"TLS handshake with 127.0.0.1:{PORTS[s]}") for s in SERVERS},
        on_disk={s: fact(served[s], f"{s}/tls/current/server.crt") for s in SERVERS},
        keys={
            s: fact(FileState(True, 0o600, USERS[s], USERS[s]), f"{s}/tls/current/server.key")
            for s in SERVERS
        },
    )


def _host(config: Config) -> HostFacts:
    settings = config.settings
    wanted = {
        "postgres": settings.postgres.limits,
        "redis": settings.redis.limits,
        "redis-durable": settings.redis_durable.limits,
    }
    health: dict[str, HealthRecord] = {
        s: HealthRecord(True, NOW - timedelta(seconds=4), 0) for s in SERVERS
    }
    polling = settings.health
    watch = Watch(
        "systemd", True, True, polling.interval, polling.timeout, polling.retries,
        polling.start_period, health,
    )  # fmt: skip
    programs: dict[Server, ServerPrograms] = {
        "postgres": ServerPrograms("16.14", "packaged", "/usr/lib/postgresql/16/bin"),
        "redis": ServerPrograms("7.0.15", "packaged", "/usr/bin/redis-server"),
        "redis-durable": ServerPrograms("7.0.15", "packaged", "/usr/bin/redis-server"),
    }
    return HostFacts(
        cpus=fact(8, "sched_getaffinity"),
        memory=fact(32 * GB, "/proc/meminfo"),
        users=fact(frozenset({"postgres", "redis"}), "the system's users"),
        programs={s: fact(programs[s], "the programs' own files") for s in SERVERS},
        processes={
            s: fact(
                Process(PIDS[s], NOW - timedelta(hours=30), programs[s].path, USERS[s], 200 * MB),
                f"{s}'s pid file and /proc",
            )
            for s in SERVERS
        },
        data={
            s: fact(FileState(True, 0o700, USERS[s], USERS[s], directory=True), f"{s}/data")
            for s in SERVERS
        },
        disks={s: fact(Disk("/dev/vda", "ext4", 250 * GB, 80 * GB), f"{s}/data") for s in SERVERS},
        limits={
            s: fact(
                Limits(wanted[s].cpus, wanted[s].memory, wanted[s].memory_reservation),
                "the process's control groups",
            )
            for s in SERVERS
        },
        limits_possible=fact(True, "/proc/self/mountinfo"),
        listeners=fact(
            tuple(Listener("127.0.0.1", PORTS[s], PIDS[s]) for s in SERVERS), "/proc/net/tcp"
        ),
        watch=fact(watch, "agent/health.json"),
    )


def _deployment(config: Config) -> DeploymentFacts:
    folder = FileState(True, 0o755, "root", "root", directory=True)
    file = FileState(True, 0o600, "postgres", "postgres", sha256="0" * 64)
    return DeploymentFacts(
        files=fact({"/var/lib/rfdata/pg/postgresql.conf": file}, "/var/lib/rfdata"),
        folders=fact({"certs": folder, "migrations": folder}, str(config.directory)),
        resolves=fact({"127.0.0.1": ("127.0.0.1",)}, "the system's resolver"),
    )


def _migrations(config: Config) -> MigrationFacts:
    over, folder = "over the operator's socket", f"{config.directory}/migrations"
    names = ("foundations", "identity", "session", "research", "audit", "knowledge", "governance")
    files = tuple(
        MigrationFile(n, f"{n:04}_{name}", f"up-{name}", f"down-{name}", f"proof-{name}", True)
        for n, name in enumerate(names, start=1)
    )
    entries = tuple(
        LedgerEntry(
            *(file.number, file.name, file.checksum, "applied", 0, 0, "", NOW, 0.4),
            *("ada@db1", "0.1.0"),
        )
        for file in files
    )
    drill = Rehearsal(
        *(NOW - timedelta(hours=1), "ada@db1", True),
        {file.name: rehearsed_as(file.checksum, file.rollback) for file in files},
        *("template", 3.5, ""),
    )
    return MigrationFacts(
        folder=fact(MigrationFolder(folder, files, ()), folder),
        ledger=fact(Ledger(entries, empty_database=False), f"rfdata.migrations {over}"),
        schema=fact(schema(), f"pg_class, pg_index, pg_proc {over}"),
        verified=fact({file.name: "" for file in files}, f"{folder}/verify/*.sql {over}"),
        findings=fact((), f"lint of {folder}"),
        rehearsals=fact((drill,), f"{config.directory}/evidence"),
    )
