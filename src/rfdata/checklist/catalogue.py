"""Every check and every line, by name. Tests hold that they fit together."""

from __future__ import annotations

from collections import defaultdict

from rfdata.checklist import (
    database,
    deployment,
    durability,
    env,
    hba,
    host,
    limits,
    logs,
    migrations,
    probes,
    redis,
    redis_access,
    redis_persistence,
    roles,
    schema,
    tls,
    tuning,
    watch,
)
from rfdata.checklist.item import Check
from rfdata.checklist.line import Line
from rfdata.checklist.lines import (
    section_02,
    section_03,
    section_04,
    section_05,
    section_06,
    section_07,
    section_08,
    section_09,
    section_10,
    section_11,
    section_12,
    section_13,
    section_14,
    section_15,
    section_16,
)
from rfdata.checklist.servers import REDIS
from rfdata.model.facts import SERVERS

DEPLOYMENT: tuple[Check, ...] = (
    env.complete,
    env.postgres_user,
    env.postgres_database,
    env.database_url,
    env.database_sslmode,
    *(rule(server) for server in SERVERS for rule in env.PER_SERVER),
    *(rule(server) for server in REDIS for rule in env.PER_REDIS),
    env.password_lengths,
    env.password_entropy,
    env.password_characters,
    deployment.file_mode,
    deployment.git_ignored,
    deployment.never_committed,
    deployment.example_explains,
    deployment.production_template,
    deployment.templates_hold_no_secret,
    deployment.migrations_folder,
    deployment.certificates_folder,
    deployment.hosts_resolve,
    deployment.files_in_place,
    deployment.files_not_writable,
    deployment.files_private,
)

POSTGRES: tuple[Check, ...] = (
    database.version,
    durability.ready,
    durability.primary,
    durability.checksums,
    durability.fsync,
    durability.full_page_writes,
    durability.synchronous_commit,
    durability.wal_level,
    durability.wal_senders,
    durability.replication_slots,
    durability.slot_wal_limit,
    durability.archive_ready,
    durability.autovacuum,
    durability.pending_restart,
    durability.config_errors,
    tuning.max_connections,
    tuning.shared_buffers,
    tuning.effective_cache_size,
    tuning.checkpoint_completion_target,
    tuning.reserved_connections,
    tuning.connections_left,
    tuning.idle_in_transaction_timeout,
    tuning.memory_fits,
    tuning.pg_stat_statements_loaded,
    tuning.pg_stat_statements,
    tuning.pgvector_available,
    tuning.pgvector,
    database.database,
    database.encoding,
    database.locale,
    database.collation_version,
    database.database_owner,
    database.schema_owner,
    database.public_database,
    database.public_schema,
    database.create_privileges,
    database.connect_privileges,
    database.no_remote_plaintext,
    roles.superusers,
    roles.powers,
    roles.role_owner,
    roles.role_migrator,
    roles.role_app,
    roles.role_readonly,
    roles.role_services,
    roles.role_groups,
    roles.role_monitor,
    roles.role_backup,
    roles.passwords_scram,
    roles.passwords_match,
    hba.password_encryption,
    hba.ssl,
    hba.tls_minimum,
    hba.hba_methods,
    hba.hba_tls_only,
    hba.hba_networks,
    hba.hba_has_a_way_in,
    hba.superuser_not_remote,
    logs.log_statement,
    logs.log_min_duration_statement,
    logs.log_connections,
    logs.log_disconnections,
    logs.log_line_prefix,
    logs.log_lock_waits,
    logs.logging_collector,
    logs.log_rotation_size,
)

BOTH_REDIS: tuple[Check, ...] = (
    *(
        rule(server)
        for server in REDIS
        for rule in (*redis.RULES, *redis_persistence.RULES, *redis_access.RULES)
    ),
    redis.cache_evicts,
    redis.durable_never_evicts,
    redis.durable_nothing_evicted,
    redis.durable_memory_left,
)

PROBES: tuple[Check, ...] = (
    *(rule(server) for server in SERVERS for rule in probes.PER_SERVER),
    probes.foreign_network_refused,
)

TLS: tuple[Check, ...] = (
    tls.ca_valid,
    tls.ca_own,
    tls.ca_key_private,
    *(rule(server) for server in SERVERS for rule in tls.PER_SERVER),
)

HOST: tuple[Check, ...] = (
    *(rule(server) for server in SERVERS for rule in (*host.PER_SERVER, *limits.PER_SERVER)),
    limits.memory_suffices,
    watch.alive,
    watch.current,
    watch.after_reboot,
    watch.interval,
    watch.timeout,
    watch.retries,
    watch.start_period,
    *(rule(server) for server in SERVERS for rule in (*watch.PER_SERVER, *logs.PER_SERVER)),
)

MIGRATIONS: tuple[Check, ...] = (
    migrations.folder,
    migrations.applied,
    migrations.finished,
    migrations.unedited,
    migrations.failures_recorded,
    migrations.reversible,
    migrations.lint,
    migrations.verified,
    migrations.rehearsed,
    migrations.ledger_private,
    schema.foundations,
    schema.identity,
    schema.session,
    schema.research,
    schema.knowledge,
    schema.governance,
    schema.audit,
    schema.audit_append_only,
    schema.audit_partitions,
    schema.row_security,
    schema.foreign_keys_indexed,
    schema.indexes_valid,
    schema.commented,
)

CHECKS: tuple[Check, ...] = (
    *DEPLOYMENT,
    *POSTGRES,
    *MIGRATIONS,
    *BOTH_REDIS,
    *PROBES,
    *TLS,
    *HOST,
)

LINES: tuple[Line, ...] = (
    *section_02.LINES,
    *section_03.LINES,
    *section_04.LINES,
    *section_05.LINES,
    *section_06.LINES,
    *section_07.LINES,
    *section_08.LINES,
    *section_09.LINES,
    *section_10.LINES,
    *section_11.LINES,
    *section_12.LINES,
    *section_13.LINES,
    *section_14.LINES,
    *section_15.LINES,
    *section_16.LINES,
)

_CHECKS = {one.item.id: one for one in CHECKS}
_LINES = {one.id: one for one in LINES}
_DECIDES: dict[str, list[Line]] = defaultdict(list)
for _line in LINES:
    for _id in _line.checks:
        _DECIDES[_id].append(_line)


def check(id: str) -> Check:
    """The check with this id. Raises KeyError."""
    return _CHECKS[id]


def line(id: str) -> Line:
    """The line with this id. Raises KeyError."""
    return _LINES[id]


def lines_of(check_id: str) -> tuple[Line, ...]:
    """The lines that a check decides, in the checklist's order."""
    return tuple(_DECIDES.get(check_id, ()))
