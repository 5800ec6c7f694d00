"""What every PostgreSQL setting should be, and why. Pure; see `differences` for what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rfdata.config.load import Config
from rfdata.config.quantities import format_duration, format_size
from rfdata.postgres import tuning
from rfdata.postgres.conf import Desired, list_value, render
from rfdata.postgres.differences import Change, Effect, differences
from rfdata.postgres.extras import checked
from rfdata.postgres.tuning import Host

__all__ = [
    "Change",
    "Desired",
    "Effect",
    "Host",
    "PostgresPaths",
    "desired",
    "differences",
    "render",
]

SUPERUSER_RESERVED = 3
"""Connections that only the operator can use, when everyone else has filled the server."""

LOG_PREFIX = "%m [%p] %e user=%u db=%d app=%a client=%h "
"""Time, process, SQLSTATE, who and from where; `facts` reads it back."""


@dataclass(frozen=True, slots=True)
class PostgresPaths:
    """Where one server keeps its things, as the server itself sees them."""

    data: Path
    socket: Path
    """The folder of the operator's unix socket."""
    logs: Path
    certificate: Path
    key: Path

    @property
    def conf(self) -> Path:
        return self.data / "postgresql.conf"

    @property
    def hba(self) -> Path:
        return self.data / "pg_hba.conf"

    @property
    def ident(self) -> Path:
        return self.data / "pg_ident.conf"


def desired(config: Config, paths: PostgresPaths, host: Host | None = None) -> dict[str, Desired]:
    """Every setting that rfdata decides, in the order in which a person would read them.

    `host` is only asked for under `tuning = "auto"`. Raises UsageError for an entry of
    `postgres.settings` that would break a promise.
    """
    groups = (
        _reach(config, paths),
        _tls(paths),
        _memory(config, host),
        _durability(config),
        _replication(),
        _timeouts(config),
        _log(config, paths),
        _rest(),
    )
    settings = {name: setting for group in groups for name, setting in group.items()}
    return settings | {
        name: Desired(value, f"From rfdata.toml: postgres.settings.{name}.")
        for name, value in checked(config).items()
    }


def _reach(config: Config, paths: PostgresPaths) -> dict[str, Desired]:
    postgres = config.settings.postgres
    return {
        "listen_addresses": Desired(
            list_value(postgres.listen_addresses), "Only where the deployment is used from."
        ),
        "port": Desired(str(postgres.port), "From rfdata.toml."),
        "max_connections": Desired(
            str(postgres.max_connections), "The checklist's number, or the one in rfdata.toml."
        ),
        "superuser_reserved_connections": Desired(
            str(SUPERUSER_RESERVED), "The operator gets in even when the server is full."
        ),
        "unix_socket_directories": Desired(
            list_value([str(paths.socket)]), "The operator's way in, and nobody else's."
        ),
        "unix_socket_permissions": Desired(
            "0777", "pg_hba.conf decides who gets in over the socket, by system user (peer)."
        ),
    }


def _tls(paths: PostgresPaths) -> dict[str, Desired]:
    return {
        "ssl": Desired("on", "Offers TLS; that nothing else is let in is pg_hba.conf's work."),
        "ssl_cert_file": Desired(str(paths.certificate), "Issued by the deployment's own CA."),
        "ssl_key_file": Desired(str(paths.key), "Readable by the server's user only."),
        "ssl_min_protocol_version": Desired("TLSv1.2", "Older versions are broken."),
        "ssl_ciphers": Desired("HIGH:!aNULL:!3DES", "For TLS 1.2; TLS 1.3 has only good ones."),
        "password_encryption": Desired(
            "scram-sha-256", "A stolen verifier can't be used to log in, unlike md5's."
        ),
    }


def _memory(config: Config, host: Host | None) -> dict[str, Desired]:
    postgres = config.settings.postgres
    if postgres.tuning == "auto":
        return tuning.memory(config, host)
    return {
        "shared_buffers": Desired(
            format_size(postgres.shared_buffers),
            "The checklist's number; a quarter of the memory is usual: see tuning in rfdata.toml.",
        ),
        "effective_cache_size": Desired(
            format_size(postgres.effective_cache_size),
            "The checklist's number: what the planner may expect to find cached.",
        ),
    }


def _durability(config: Config) -> dict[str, Desired]:
    target = config.settings.postgres.checkpoint_completion_target
    return {
        "fsync": Desired("on", "Without it, a power cut destroys the whole cluster."),
        "full_page_writes": Desired("on", "Without it, a torn page can't be repaired."),
        "synchronous_commit": Desired("on", "COMMIT returns when the transaction is on the disk."),
        "wal_level": Desired("replica", "WAL holds what backups and standbys need."),
        "wal_compression": Desired("pglz", "Full pages shrink in the WAL; every build has pglz."),
        "min_wal_size": Desired("256MB", "That many segments are reused, not made anew."),
        "max_wal_size": Desired("2GB", "Checkpoints come by time, not by volume, in normal use."),
        "checkpoint_completion_target": Desired(
            f"{target:g}", "Spreads a checkpoint's writes over most of the time until the next."
        ),
    }


def _replication() -> dict[str, Desired]:
    """Ready for archiving without a restart, and without archive_mode.

    Backups take the WAL as a stream that a replication slot keeps for them. archive_mode=on with an
    empty archive_command keeps every segment until the disk is full, and with /bin/true it counts
    as archived what nobody has (PostgreSQL 16 documentation, 20.5.3).
    """
    return {
        "archive_mode": Desired(
            "off",
            "The WAL is archived by streaming (a replication slot and pg_receivewal or Barman), "
            "which begins at any time without a restart. Turned on without a real command, "
            "archive_mode would fill the disk or pretend.",
        ),
        "max_wal_senders": Desired("10", "Backups, the WAL archiver and standbys, with room."),
        "max_replication_slots": Desired("10", "A slot for each of them."),
        "max_slot_wal_keep_size": Desired(
            "8GB", "An archiver that never comes back loses its slot before the disk is full."
        ),
        "wal_keep_size": Desired("256MB", "A short interruption needs no slot."),
    }


def _timeouts(config: Config) -> dict[str, Desired]:
    postgres = config.settings.postgres
    return {
        "authentication_timeout": Desired("30s", "Nobody holds a connection without logging in."),
        "idle_in_transaction_session_timeout": Desired(
            format_duration(postgres.idle_in_transaction_session_timeout),
            "A forgotten transaction keeps locks and stops vacuum. 0 would mean never.",
        ),
        "lock_timeout": Desired(
            format_duration(postgres.lock_timeout), "0: waits for locks; set it per application."
        ),
        "statement_timeout": Desired(
            format_duration(postgres.statement_timeout), "0: no limit; set it per application."
        ),
        "client_connection_check_interval": Desired("10s", "A query whose client is gone ends."),
        "tcp_keepalives_idle": Desired("60s", "A peer that vanished is noticed in two minutes."),
        "tcp_keepalives_interval": Desired("10s", "Between two unanswered keep-alives."),
        "tcp_keepalives_count": Desired("6", "Unanswered keep-alives until the peer is given up."),
    }


def _log(config: Config, paths: PostgresPaths) -> dict[str, Desired]:
    postgres = config.settings.postgres
    size = max(postgres.log.max_size // 1024, 1) * 1024
    return {
        "logging_collector": Desired("on", "The server writes and rotates its own log."),
        "log_destination": Desired("stderr", "Which the collector turns into files."),
        "log_directory": Desired(str(paths.logs), "Outside the data, so backups leave it out."),
        "log_filename": Desired(
            "postgresql-%Y-%m-%d_%H%M%S.log", "A new name each time: nothing is overwritten."
        ),
        "log_file_mode": Desired("0640", "The server's group may read it, others may not."),
        "log_rotation_size": Desired(
            format_size(size), f"postgres.log.max_size; {postgres.log.max_files} files are kept."
        ),
        "log_rotation_age": Desired("1d", "A quiet server begins a new file each day."),
        "log_line_prefix": Desired(
            LOG_PREFIX, "Time, process, SQLSTATE, user, database, application, client."
        ),
        "log_timezone": Desired("UTC", "Logs of several hosts can be laid side by side."),
        "lc_messages": Desired("C", "Messages that the checks and every search engine know."),
        "log_statement": Desired(
            postgres.log_statement, "Every change of the schema is on record."
        ),
        "log_min_duration_statement": Desired(
            format_duration(postgres.log_min_duration_statement),
            "A statement that took longer is logged with its duration.",
        ),
        "log_connections": Desired("on", "Who came: log_statement alone doesn't tell."),
        "log_disconnections": Desired("on", "And for how long."),
        "log_checkpoints": Desired("on", "Tells whether checkpoints come too often."),
        "log_lock_waits": Desired("on", "Waits longer than deadlock_timeout (1 s)."),
        "log_temp_files": Desired("10MB", "Sorts that did not fit into work_mem."),
        "log_autovacuum_min_duration": Desired("10s", "Vacuums that take long."),
    }


def _rest() -> dict[str, Desired]:
    return {
        "shared_preload_libraries": Desired("pg_stat_statements", "Which queries cost the most."),
        "pg_stat_statements.track_utility": Desired(
            "off", "Utility statements, ALTER ROLE with its password among them, are not kept."
        ),
        "track_io_timing": Desired("on", "Tells waiting for the disk from computing."),
        "timezone": Desired("UTC", "Times don't depend on the host's zone."),
    }
