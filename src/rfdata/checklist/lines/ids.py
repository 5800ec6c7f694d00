"""Ids of checks that come once for each server, and the groups that several lines share."""

from __future__ import annotations

from rfdata.checklist.servers import REDIS
from rfdata.model.facts import SERVERS


def both(*rules: str) -> tuple[str, ...]:
    """The rules of the two Redis servers.

    >>> both("appendonly")
    ('redis.appendonly', 'redis-durable.appendonly')
    """
    return tuple(f"{server}.{rule}" for rule in rules for server in REDIS)


def on_both(room: str, *rules: str) -> tuple[str, ...]:
    """What another room checks of the two Redis servers.

    >>> on_both("tls", "chain")
    ('tls.redis_chain', 'tls.redis-durable_chain')
    """
    return tuple(f"{room}.{server}_{rule}" for rule in rules for server in REDIS)


def on_postgres(room: str, *rules: str) -> tuple[str, ...]:
    return tuple(f"{room}.postgres_{rule}" for rule in rules)


def on_all(room: str, *rules: str) -> tuple[str, ...]:
    """What another room checks of all three servers."""
    return tuple(f"{room}.{server}_{rule}" for rule in rules for server in SERVERS)


LOGINS = on_all("probe", "login")
HEALTH = on_all("host", "health")
POLLING = (
    "host.watch_interval",
    "host.watch_timeout",
    "host.watch_retries",
    "host.watch_start_period",
)
LIMITS = on_all("host", "cpu_limit", "memory_limit", "memory_reservation")
DATA_FOLDERS = on_all("host", "data_mode", "data_owner", "disk_persistent")
ENV = (
    "env.complete",
    *("env.postgres_user", "env.postgres_database"),
    *on_all("env", "host", "port", "password"),
    "env.database_url",
    *on_both("env", "url", "tls"),
)
LOGGING = (
    "postgres.logging_collector",
    "postgres.log_statement",
    "postgres.log_min_duration_statement",
    "postgres.log_connections",
    "postgres.log_disconnections",
    "postgres.log_line_prefix",
    "postgres.log_lock_waits",
    "postgres.log_rotation_size",
    *on_all("logs", "size", "files"),
)
ROLES = (
    "postgres.superusers",
    "postgres.superuser_not_remote",
    "postgres.powers",
    "postgres.role_owner",
    "postgres.role_migrator",
    "postgres.role_app",
    "postgres.role_readonly",
    "postgres.role_services",
    "postgres.role_groups",
    "postgres.role_monitor",
    "postgres.role_backup",
    "postgres.passwords_scram",
    "postgres.passwords_match",
    "postgres.database_owner",
    "postgres.schema_owner",
    "postgres.public_database",
    "postgres.public_schema",
    "postgres.create_privileges",
    "postgres.connect_privileges",
)
DOORS = (
    *on_all(
        "probe",
        "plaintext_refused",
        "wrong_password_refused",
        "no_password_refused",
        "foreign_ca_refused",
        "old_tls_refused",
    ),
    "probe.postgres_foreign_network_refused",
)
APPLIED = ("migrations.applied", "migrations.finished", "migrations.unedited")
DOMAINS = (
    "migrations.foundations",
    "migrations.identity",
    "migrations.research",
    "migrations.audit",
    "migrations.session",
    "migrations.knowledge",
    "migrations.governance",
)
AUDIT = ("migrations.audit", "migrations.audit_append_only", "migrations.audit_partitions")
HBA = ("postgres.hba_methods", "postgres.hba_tls_only", "postgres.hba_networks")
USERS = both(
    "default_password", "no_passwordless_user", "users", "app_commands", "monitor_commands"
)
CERTIFICATES = (
    "tls.ca_valid",
    "tls.ca_key_private",
    *on_all("tls", "chain", "names", "days_left", "live", "key_file"),
)
SECURITY = (
    *ROLES,
    *HBA,
    *DOORS,
    *USERS,
    *CERTIFICATES,
    "postgres.ssl",
    "postgres.tls_minimum",
    "postgres.password_encryption",
    "postgres.no_remote_plaintext",
    *both("plaintext_port", "tls_protocols", "protected_mode", "protected_commands"),
    *on_all("host", "system_user"),
    "env.file_mode",
    "env.never_committed",
    "migrations.row_security",
    "migrations.audit_append_only",
    "migrations.ledger_private",
    "deployment.files_not_writable",
    "deployment.files_private",
)
