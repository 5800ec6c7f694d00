"""For every check, what has to go wrong on a healthy layer for it to fail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.checklist.breaking import Break, Change, entry, having, less, to
from tests.checklist.breaks_migrations import MIGRATIONS
from tests.checklist.healthy import GB, MB, NOW, PORTS, certificate
from tests.checklist.healthy import role as healthy_role

from rfdata.checklist.servers import PREFIX, REDIS, URL, RedisServer
from rfdata.config.variables import NAMES
from rfdata.model.facts import (
    SERVERS,
    AclUser,
    FileState,
    HbaRule,
    HealthRecord,
    Limits,
    Listener,
    LogFile,
    LogState,
    Privilege,
    Server,
)

OWNER, APP = "researchflow_owner", "researchflow_user"


def setting(name: str, *values: str, **fields: Any) -> tuple[Break, ...]:
    """A PostgreSQL setting with other values."""
    changes = [{"value": value} for value in values] or [fields]
    return tuple(Break("postgres.settings", entry(name, having(**change))) for change in changes)


def room(server: RedisServer) -> str:
    return server.replace("-", "_")


def redis_setting(server: RedisServer, name: str, *values: str) -> tuple[Break, ...]:
    return tuple(Break(f"{room(server)}.settings", entry(name, value)) for value in values)


def redis_info(server: RedisServer, name: str, *values: str) -> tuple[Break, ...]:
    return tuple(Break(f"{room(server)}.info", entry(name, value)) for value in values)


def user(server: RedisServer, name: str, **fields: Any) -> Break:
    return Break(f"{room(server)}.acl", entry(name, having(**fields)))


def a_role(name: str, *changes: Change) -> tuple[Break, ...]:
    return tuple(Break("postgres.roles", entry(name, change)) for change in changes)


def member(*names: str) -> Change:
    return lambda old: replace(old, member_of=old.member_of | set(names))


def granted(kind: str, name: str, privilege: str, grantee: str) -> Break:
    return Break(
        "postgres.privileges", lambda old: old | {Privilege(kind, name, privilege, grantee)}
    )


def rule(
    type: str,
    address: str,
    method: str = "scram-sha-256",
    *,
    users: tuple[str, ...] = (APP,),
    databases: tuple[str, ...] = ("all",),
) -> Break:
    """One more access rule, before all others."""
    new = HbaRule(1, type, databases, users, address, method, "")
    return Break("postgres.hba", lambda old: (new, *old))


def _env() -> dict[str, tuple[Break, ...]]:
    public, urls = "env.public", "env.urls"
    found = {
        "env.complete": tuple(Break("env.names", less(name)) for name in NAMES),
        "env.postgres_user": (Break(public, entry("POSTGRES_USER", "someone")),),
        "env.postgres_database": (Break(public, entry("POSTGRES_DB", "other")),),
        "env.password_lengths": (
            Break("env.strengths", entry("POSTGRES_BACKUP_PASSWORD", having(length=31))),
        ),
        "env.password_entropy": (
            Break("env.strengths", entry("POSTGRES_PASSWORD", having(entropy_bits=31.0))),
        ),
        "env.password_characters": (
            Break("env.strengths", entry("REDIS_PASSWORD", having(url_safe=False))),
        ),
        "env.database_url": (
            Break(urls, entry("DATABASE_URL", having(host="elsewhere"))),
            Break(urls, entry("DATABASE_URL", having(port=5433))),
            Break(urls, entry("DATABASE_URL", having(user="someone"))),
            Break(urls, entry("DATABASE_URL", having(database="other"))),
            Break(urls, entry("DATABASE_URL", having(scheme="mysql"))),
            Break(urls, entry("DATABASE_URL", having(password_matches=False))),
        ),
        "env.database_sslmode": tuple(
            Break(urls, entry("DATABASE_URL", having(sslmode=mode)))
            for mode in ("", "disable", "allow", "prefer")
        ),
    }
    for server in SERVERS:
        prefix = PREFIX[server]
        found |= {
            f"env.{server}_host": (Break(public, entry(f"{prefix}_HOST", "elsewhere")),),
            f"env.{server}_port": (Break(public, entry(f"{prefix}_PORT", "1")),),
            f"env.{server}_password": (
                Break("env.strengths", entry(f"{prefix}_PASSWORD", having(length=31))),
            ),
        }
    for redis in REDIS:
        found |= {
            f"env.{redis}_url": (
                Break(urls, entry(URL[redis], having(scheme="redis"))),
                Break(urls, entry(URL[redis], having(port=1))),
                Break(urls, entry(URL[redis], having(database="1"))),
                Break(urls, entry(URL[redis], having(user="admin"))),
                Break(urls, entry(URL[redis], having(password_matches=False))),
            ),
            f"env.{redis}_tls": (Break(public, entry(f"{PREFIX[redis]}_TLS_ENABLED", "false")),),
        }
    return found


DEPLOYMENT: dict[str, tuple[Break, ...]] = {
    "env.file_mode": (
        Break("env.file", having(mode=0o640)),
        Break("env.file", having(mode=0o604)),
        Break("env.file", having(exists=False)),
        Break("env.file", having(directory=True)),
    ),
    "env.git_ignored": (Break("env.git", having(ignored=False)),),
    "env.never_committed": (
        Break("env.git", having(tracked=True)),
        Break("env.git", having(in_history=True)),
    ),
    "env.example_explains": (Break("env.example_names", less("REDIS_DURABLE_URL")),),
    "env.production_template": (Break("env.template_names", less("POSTGRES_PASSWORD")),),
    "env.templates_hold_no_secret": (
        Break("env.template_secrets", to(frozenset({"POSTGRES_PASSWORD"}))),
    ),
    "deployment.migrations_folder": (
        Break("deployment.folders", entry("migrations", having(exists=False))),
        Break("deployment.folders", entry("migrations", having(directory=False))),
    ),
    "deployment.certificates_folder": (
        Break("deployment.folders", entry("certs", having(exists=False))),
        Break("deployment.folders", entry("certs", having(mode=0o777))),
    ),
    "deployment.hosts_resolve": (
        Break("deployment.resolves", entry("db.internal", ())),
        Break("deployment.resolves", to({})),
    ),
    "deployment.files_in_place": (
        Break(
            "deployment.files",
            entry("/var/lib/rfdata/pg/postgresql.conf", having(exists=False)),
        ),
        Break("deployment.files", to({})),
    ),
    "deployment.files_private": (
        Break("deployment.files", entry("/var/lib/rfdata/pg/postgresql.conf", having(mode=0o644))),
        Break("deployment.files", entry("/var/lib/rfdata/redis/users.acl", FileState(True, 0o640))),
        Break("deployment.files", to({})),
    ),
    "deployment.files_not_writable": (
        Break("deployment.files", entry("/var/lib/rfdata/pg/postgresql.conf", having(mode=0o666))),
    ),
}

POSTGRES: dict[str, tuple[Break, ...]] = {
    "postgres.version": (
        Break("postgres.server", having(version="15.6", version_num=150006)),
        Break("postgres.server", having(version="17.2", version_num=170002)),
    ),
    "postgres.ready": (Break("postgres.ready", to(False)),),
    "postgres.primary": (Break("postgres.server", having(in_recovery=True)),),
    "postgres.checksums": setting("data_checksums", "off"),
    "postgres.fsync": setting("fsync", "off"),
    "postgres.full_page_writes": setting("full_page_writes", "off"),
    "postgres.synchronous_commit": setting("synchronous_commit", "off"),
    "postgres.wal_level": setting("wal_level", "minimal"),
    "postgres.wal_senders": setting("max_wal_senders", "0", "1"),
    "postgres.replication_slots": setting("max_replication_slots", "0"),
    "postgres.slot_wal_limit": setting("max_slot_wal_keep_size", "-1"),
    "postgres.archive_ready": (
        *setting("max_wal_senders", "0"),
        Break(
            "postgres.settings",
            entry("archive_mode", having(value="on")),
            also=setting("archive_command", ""),
        ),
    ),
    "postgres.autovacuum": (*setting("autovacuum", "off"), *setting("track_counts", "off")),
    "postgres.pending_restart": setting("shared_buffers", pending_restart=True),
    "postgres.config_errors": (
        Break("postgres.config_errors", to(("line 7: invalid value for wal_level",))),
    ),
    "postgres.max_connections": setting("max_connections", "100", "300"),
    "postgres.shared_buffers": setting("shared_buffers", "16384", "65536"),
    "postgres.effective_cache_size": setting("effective_cache_size", "65536"),
    "postgres.checkpoint_completion_target": setting("checkpoint_completion_target", "0.5"),
    "postgres.reserved_connections": setting("superuser_reserved_connections", "0"),
    "postgres.connections_left": (
        Break("postgres.activity", having(connections=161)),
        *setting("max_connections", "20"),
    ),
    "postgres.idle_in_transaction_timeout": setting(
        "idle_in_transaction_session_timeout", "0", "86400001"
    ),
    "postgres.memory_fits": setting("shared_buffers", str(5 * GB // 8192)),
    "postgres.pg_stat_statements_loaded": setting("shared_preload_libraries", "", "auto_explain"),
    "postgres.pg_stat_statements": (Break("postgres.extensions", less("pg_stat_statements")),),
    "postgres.pgvector_available": (Break("postgres.extensions_available", less("vector")),),
    "postgres.pgvector": (Break("postgres.extensions", less("vector")),),
    "postgres.database": (Break("postgres.databases", less("researchflow")),),
    "postgres.encoding": (Break("postgres.database", having(encoding="SQL_ASCII")),),
    "postgres.locale": (
        Break("postgres.database", having(locale="C")),
        Break("postgres.database", having(locale="de_DE.UTF-8")),
    ),
    "postgres.collation_version": (
        Break("postgres.database", having(collation_version_now="2.40")),
        Break("postgres.database", having(collation_version="")),
    ),
    "postgres.database_owner": (Break("postgres.database", having(owner=APP)),),
    "postgres.schema_owner": (Break("postgres.schema_owner", to(APP)),),
    "postgres.public_database": (granted("database", "researchflow", "TEMPORARY", "PUBLIC"),),
    "postgres.public_schema": (granted("schema", "public", "USAGE", "PUBLIC"),),
    "postgres.create_privileges": (
        granted("schema", "public", "CREATE", APP),
        granted("database", "researchflow", "CREATE", "researchflow_readonly"),
    ),
    "postgres.connect_privileges": (
        Break("postgres.privileges", less(Privilege("database", "researchflow", "CONNECT", APP))),
        Break("postgres.privileges", less(Privilege("schema", "public", "USAGE", APP))),
        *a_role("researchflow_migrator", having(member_of=frozenset())),
    ),
    "postgres.no_remote_plaintext": (Break("postgres.activity", having(remote_plaintext=1)),),
    "postgres.superusers": a_role(APP, having(superuser=True)),
    "postgres.powers": a_role(
        "researchflow_monitor",
        having(create_db=True),
        having(create_role=True),
        having(replication=True),
        having(bypass_rls=True),
    ),
    "postgres.role_owner": (
        *a_role(OWNER, having(login=True), having(create_db=True)),
        Break("postgres.roles", less(OWNER)),
    ),
    "postgres.role_migrator": a_role(
        "researchflow_migrator", having(member_of=frozenset()), having(superuser=True)
    ),
    "postgres.role_app": a_role(
        APP,
        having(superuser=True),
        having(create_role=True),
        having(bypass_rls=True),
        having(login=False),
        member(OWNER),
        member("researchflow_migrator"),
        member("pg_execute_server_program"),
        member("pg_read_all_data"),
    ),
    "postgres.role_readonly": a_role(
        "researchflow_readonly", having(settings={}), member(OWNER), member("pg_write_all_data")
    ),
    "postgres.role_services": (
        *a_role(
            "researchflow_worker",
            having(login=False),
            having(superuser=True),
            having(member_of=frozenset()),
            member("rf_identity_write"),
        ),
        Break("postgres.roles", less("researchflow_collab")),
    ),
    "postgres.role_groups": (
        *a_role("rf_session", having(login=True), having(bypass_rls=True), member(OWNER)),
        Break("postgres.roles", entry("somebody", healthy_role("rf_audit_break_glass"))),
        Break("postgres.roles", less("rf_knowledge_read")),
    ),
    "postgres.role_monitor": a_role(
        "researchflow_monitor", having(member_of=frozenset()), member(OWNER)
    ),
    "postgres.role_backup": a_role(
        "researchflow_backup", having(replication=False), having(superuser=True), member(OWNER)
    ),
    "postgres.passwords_scram": a_role(APP, having(password="md5")),
    "postgres.passwords_match": (
        *a_role("researchflow_backup", having(password_matches=False)),
        Break("postgres.roles", less("researchflow_monitor")),
    ),
    "postgres.password_encryption": setting("password_encryption", "md5"),
    "postgres.ssl": setting("ssl", "off"),
    "postgres.tls_minimum": setting("ssl_min_protocol_version", "TLSv1", "TLSv1.1", ""),
    "postgres.hba_methods": (
        *(rule("hostssl", "127.0.0.1/32", how) for how in ("trust", "md5", "password", "ident")),
        rule("local", "", "trust"),
    ),
    "postgres.hba_tls_only": (
        rule("host", "127.0.0.1/32"),
        rule("hostnossl", "127.0.0.1/32"),
    ),
    "postgres.hba_networks": (
        rule("hostssl", "0.0.0.0/0"),
        rule("hostssl", "127.0.0.0/8"),
        rule("hostssl", "all"),
        rule("hostssl", "::/0"),
        rule("hostssl", "samenet"),
        rule("hostssl", "db.example.org"),
    ),
    "postgres.hba_has_a_way_in": (
        Break("postgres.hba", lambda old: tuple(r for r in old if "/128" not in r.address)),
        Break("postgres.hba", to(())),
    ),
    "postgres.superuser_not_remote": (
        Break(
            "postgres.roles",
            entry("postgres", having(password="scram-sha-256")),
            also=(rule("hostssl", "127.0.0.1/32", users=("all",)),),
        ),
        Break(
            "postgres.roles",
            entry("postgres", having(password="scram-sha-256")),
            also=(rule("hostssl", "::1/128", users=("postgres",), databases=("replication",)),),
        ),
        rule("hostssl", "10.0.0.0/8", "trust", users=("postgres",)),
    ),
    "postgres.log_statement": setting("log_statement", "none", "mod"),
    "postgres.log_min_duration_statement": setting("log_min_duration_statement", "-1", "5000"),
    "postgres.log_connections": setting("log_connections", "off"),
    "postgres.log_disconnections": setting("log_disconnections", "off"),
    "postgres.log_line_prefix": setting("log_line_prefix", "", "%m ", "[%p] "),
    "postgres.log_lock_waits": setting("log_lock_waits", "off"),
    "postgres.logging_collector": setting("logging_collector", "off"),
    "postgres.log_rotation_size": setting("log_rotation_size", "0", "102400"),
}


def _redis(server: RedisServer) -> dict[str, tuple[Break, ...]]:
    acl = f"{room(server)}.acl"
    policy = "noeviction" if server == "redis" else "allkeys-lru"
    found = {
        "version": redis_info(server, "redis_version", "6.2.14"),
        "maxmemory": redis_setting(server, "maxmemory", "0", str(512 * MB), str(2 * GB)),
        "maxmemory_policy": redis_setting(server, "maxmemory-policy", policy),
        "memory_headroom": (
            *redis_setting(server, "maxmemory", str(1500 * MB)),
            Break(f"host.limits.{server}", having(memory=GB)),
            Break("host.memory", to(GB)),
        ),
        "appendonly": redis_setting(server, "appendonly", "no"),
        "appendfsync": redis_setting(server, "appendfsync", "no"),
        "fsync_during_rewrite": redis_setting(server, "no-appendfsync-on-rewrite", "yes"),
        "aof_healthy": (
            *redis_info(server, "aof_enabled", "0"),
            *redis_info(server, "aof_last_write_status", "err"),
            *redis_info(server, "aof_last_bgrewrite_status", "err"),
        ),
        "snapshot_healthy": redis_info(server, "rdb_last_bgsave_status", "err"),
        "loaded": redis_info(server, "loading", "1"),
        "primary": redis_info(server, "role", "slave"),
        "databases": (Break(f"{room(server)}.databases", to(frozenset({0}))),),
        "plaintext_port": redis_setting(server, "port", "6379"),
        "tls_port": redis_setting(server, "tls-port", "0", "6999"),
        "tls_protocols": redis_setting(server, "tls-protocols", "TLSv1.1 TLSv1.2", "tlsv1 tlsv1.3"),
        "protected_mode": redis_setting(server, "protected-mode", "no"),
        "protected_commands": (
            *redis_setting(server, "enable-debug-command", "yes", "local"),
            *redis_setting(server, "enable-module-command", "yes"),
            *redis_setting(server, "enable-protected-configs", "yes"),
        ),
        "default_password": (
            user(server, "default", no_password=True),
            user(server, "default", password_matches=False),
            user(server, "default", enabled=False),
            Break(acl, less("default")),
        ),
        "no_passwordless_user": (user(server, "monitor", no_password=True),),
        "users": (
            Break(acl, entry("guest", AclUser(True, False, False, "~* +@all"))),
            Break(acl, less("admin")),
            user(server, "admin", password_matches=False),
        ),
        "app_commands": tuple(
            user(server, "default", rules=rules)
            for rules in (
                "~* &* +@all",
                "~* +@all -@dangerous +flushall",
                "~* +@all -@admin",
                "~* +@all -@dangerous (~* +config)",
                "~* -@dangerous +@all",
            )
        ),
        "monitor_commands": (
            user(server, "monitor", rules="~* +@all -@dangerous"),
            user(server, "monitor", rules="-@all +@write"),
            Break(acl, less("monitor")),
        ),
    }
    return {f"{server}.{name}": breaks for name, breaks in found.items()}


REDIS_ONLY: dict[str, tuple[Break, ...]] = {
    "redis.evicts": redis_setting("redis", "maxmemory-policy", "noeviction", "volatile-lru"),
    "redis-durable.appendfsync": redis_setting("redis-durable", "appendfsync", "no", "everysec"),
    "redis-durable.never_evicts": redis_setting("redis-durable", "maxmemory-policy", "allkeys-lru"),
    "redis-durable.nothing_evicted": redis_info("redis-durable", "evicted_keys", "3"),
    "redis-durable.memory_left": (
        *redis_info("redis-durable", "used_memory", str(GB)),
        *redis_setting("redis-durable", "maxmemory", "0", str(65 * MB)),
    ),
}


def _of_server(server: Server) -> dict[str, tuple[Break, ...]]:
    probes = f"{server.replace('-', '_')}.probes"
    served, process = f"certs.served.{server}", f"host.processes.{server}"
    log = f"{server.replace('-', '_')}.log"
    limit = {"postgres": 50 * MB}.get(server, 20 * MB)
    accepted = having(accepted=True)
    refusals = ("plaintext", "wrong_password", "no_password", "foreign_ca", "old_tls")
    return {
        f"probe.{server}_login": (Break(f"{probes}.login", having(accepted=False)),),
        f"probe.{server}_answers_in_time": (Break(f"{probes}.login", having(milliseconds=5001.0)),),
        **{
            f"probe.{server}_{name}_refused": (Break(f"{probes}.{name}", accepted),)
            for name in refusals
        },
        f"tls.{server}_chain": (
            Break(served, having(issued_by_ca=False)),
            Break(served, having(self_signed=True)),
        ),
        f"tls.{server}_names": (
            Break(served, having(names=frozenset({"localhost", server}))),
            Break(served, having(names=frozenset({"127.0.0.1"}))),
        ),
        f"tls.{server}_days_left": (
            Break(served, having(not_after=NOW + timedelta(days=29, hours=23))),
            Break(served, having(not_after=NOW - timedelta(seconds=1))),
            Break(served, having(not_before=NOW + timedelta(hours=1))),
        ),
        f"tls.{server}_lifetime": (Break(served, to(certificate(server, days=900))),),
        f"tls.{server}_key_type": (
            Break(served, having(key="RSA 1024")),
            Break(served, having(key="ECDSA P-192")),
            Break(served, having(key="DSA 2048")),
        ),
        f"tls.{server}_live": (
            Break(f"certs.on_disk.{server}", having(fingerprint="renewed")),
            Break(served, having(fingerprint="old")),
        ),
        f"tls.{server}_key_file": (
            Break(f"certs.keys.{server}", having(mode=0o644)),
            Break(f"certs.keys.{server}", having(mode=0o640)),
            Break(f"certs.keys.{server}", having(user="root")),
            Break(f"certs.keys.{server}", having(exists=False)),
            Break(process, having(user="somebody")),
        ),
        f"tls.{server}_protocol": (
            Break(f"{probes}.login", having(tls_version="TLSv1.1")),
            Break(f"{probes}.login", having(tls_version="")),
        ),
        f"host.{server}_program": (Break(f"host.programs.{server}", having(version="6.0")),),
        f"host.{server}_running": (Break(process, to("stopped")),),
        f"host.{server}_system_user": (Break(process, having(user="root")),),
        f"host.{server}_data_mode": (
            Break(f"host.data.{server}", having(mode=0o755)),
            Break(f"host.data.{server}", having(exists=False)),
            Break(f"host.data.{server}", having(directory=False)),
        ),
        f"host.{server}_data_owner": (
            Break(f"host.data.{server}", having(user="root")),
            Break(process, having(user="somebody")),
        ),
        f"host.{server}_disk_persistent": tuple(
            Break(f"host.disks.{server}", having(type=type))
            for type in ("tmpfs", "ramfs", "overlay")
        ),
        f"host.{server}_disk_free": (Break(f"host.disks.{server}", having(free=5 * GB - 1)),),
        f"host.{server}_listeners": (
            Break(
                "host.listeners",
                lambda old: (*old, Listener("0.0.0.0", PORTS[server], None)),
            ),
            Break("host.listeners", lambda old: (*old, Listener("::", PORTS[server], None))),
            Break("host.listeners", to(())),
        ),
        f"host.{server}_memory_used": (
            Break(process, having(resident_bytes=15 * GB // 2)),
            Break(f"host.limits.{server}", having(memory=210 * MB)),
        ),
        f"host.{server}_cpu_limit": (
            Break(f"host.limits.{server}", having(cpus=None)),
            Break(f"host.limits.{server}", having(cpus=8.0)),
        ),
        f"host.{server}_memory_limit": (
            Break(f"host.limits.{server}", having(memory=None)),
            Break(f"host.limits.{server}", having(memory=16 * GB)),
        ),
        f"host.{server}_memory_reservation": (
            Break(f"host.limits.{server}", having(memory_reservation=None)),
            Break(f"host.limits.{server}", to(Limits(1.0, GB, 128 * MB))),
        ),
        f"host.{server}_health": (
            Break("host.watch", _health(server, HealthRecord(False, NOW, 7))),
            Break("host.watch", _health(server, HealthRecord(True, NOW - timedelta(minutes=5), 0))),
        ),
        f"logs.{server}_size": (
            Break(log, to(LogState((LogFile("one", limit * 2),), ()))),
            Break(log, to(LogState((), ()))),
        ),
        f"logs.{server}_files": (
            Break(log, to(LogState(tuple(LogFile(str(n), 1) for n in range(7)), ()))),
            Break(log, to(LogState((), ()))),
        ),
        f"logs.{server}_startup": (Break(log, having(startup_errors=("FATAL: no space left",))),),
    }


def _health(server: Server, record: HealthRecord) -> Change:
    return lambda old: replace(old, health={**old.health, server: record})


WHOLE: dict[str, tuple[Break, ...]] = {
    "probe.postgres_foreign_network_refused": (
        Break("postgres.probes.foreign_network", having(accepted=True)),
    ),
    "tls.ca_valid": (
        Break("certs.ca", having(not_after=NOW + timedelta(days=10))),
        Break("certs.ca", having(not_before=NOW + timedelta(hours=1))),
    ),
    "tls.ca_own": (
        Break("certs.ca", having(self_signed=False)),
        Break("certs.ca", to(certificate("CA", days=7300, self_signed=True))),
    ),
    "tls.ca_key_private": (Break("certs.ca_key", having(mode=0o644)),),
    "host.memory_suffices": (Break("host.memory", to(2 * GB)),),
    "host.watch_alive": (
        Break("host.watch", having(alive=False)),
        Break("host.watch", having(by="nobody")),
    ),
    "host.watch_current": (Break("host.watch", having(current=False)),),
    "host.watch_after_reboot": (Break("host.watch", having(survives_reboot=False)),),
    "host.watch_interval": (Break("host.watch", having(interval=60.0)),),
    "host.watch_timeout": (Break("host.watch", having(timeout=30.0)),),
    "host.watch_retries": (Break("host.watch", having(retries=50)),),
    "host.watch_start_period": (Break("host.watch", having(start_period=0.0)),),
}

BREAKS: dict[str, tuple[Break, ...]] = {
    **_env(),
    **DEPLOYMENT,
    **POSTGRES,
    **{id: breaks for server in REDIS for id, breaks in _redis(server).items()},
    **REDIS_ONLY,
    **{id: breaks for server in SERVERS for id, breaks in _of_server(server).items()},
    **WHOLE,
    **MIGRATIONS,
}
"""Check id -> one or more things that make it fail."""
