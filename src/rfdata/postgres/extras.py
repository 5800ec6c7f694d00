"""`postgres.settings` of rfdata.toml: any setting that PostgreSQL knows, unless it breaks a promise."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from rfdata.config.load import TOML, Config
from rfdata.errors import UsageError
from rfdata.postgres.conf import split_list
from rfdata.shell import Command, run

_OWN_KEYS = frozenset(
    {
        "checkpoint_completion_target",
        "effective_cache_size",
        "idle_in_transaction_session_timeout",
        "listen_addresses",
        "lock_timeout",
        "log_min_duration_statement",
        "log_statement",
        "max_connections",
        "port",
        "shared_buffers",
        "statement_timeout",
    }
)
"""These have a key of their own, with its own bounds."""

PROTECTED = {
    "allow_system_table_mods": "it lets a mistake destroy the system catalogs",
    "config_file": "rfdata renders the configuration",
    "data_directory": "the target decides where the data lies",
    "external_pid_file": "the target finds the server by its own pid file",
    "fsync": "without it a power cut destroys the data",
    "full_page_writes": "without it a torn page can't be repaired",
    "hba_file": "rfdata renders the access rules",
    "ident_file": "rfdata renders the access rules",
    "ignore_checksum_failure": "it hides corruption",
    "ignore_invalid_pages": "it hides corruption",
    "ignore_system_indexes": "it hides corruption",
    "include": "it would bring in settings that nobody has checked",
    "include_dir": "it would bring in settings that nobody has checked",
    "include_if_exists": "it would bring in settings that nobody has checked",
    "lc_messages": "the checks read the log in English",
    "log_connections": "who connects is always on record",
    "log_destination": "the checks read the log's files",
    "log_directory": "the target decides where logs lie",
    "log_disconnections": "who connects is always on record",
    "log_file_mode": "logs are for the server's user and group",
    "log_filename": "rotation goes by this name",
    "log_line_prefix": "the checks read it back",
    "log_rotation_age": "rotation is set under postgres.log",
    "log_rotation_size": "rotation is set under postgres.log",
    "log_timezone": "the checks read the log's times as UTC",
    "log_truncate_on_rotation": "it would overwrite logs",
    "logging_collector": "the server writes its own log",
    "password_encryption": "md5 passwords can be replayed",
    "superuser_reserved_connections": "the operator always gets in",
    "unix_socket_directories": "the target decides where the socket lies",
    "unix_socket_group": "pg_hba.conf decides who gets in over the socket",
    "unix_socket_permissions": "pg_hba.conf decides who gets in over the socket",
    "zero_damaged_pages": "it destroys what a page still holds",
}
"""Settings that nobody but rfdata decides, each with the reason."""

_BOUNDED: dict[str, tuple[Callable[[str], bool], str]] = {
    "log_min_messages": (
        lambda value: value.lower() != "panic",
        "panic would keep the server's fatal errors out of the log",
    ),
    "max_replication_slots": (lambda value: _at_least(value, 2), "backups need at least 2"),
    "max_wal_senders": (lambda value: _at_least(value, 2), "backups need at least 2"),
    "reserved_connections": (
        lambda value: value.isdecimal() and int(value) <= 10,
        "at most 10: the roles' own limits leave no more",
    ),
    "shared_preload_libraries": (
        lambda value: "pg_stat_statements" in split_list(value),
        "pg_stat_statements has to stay in the list",
    ),
    "synchronous_commit": (
        lambda value: value.lower() not in ("off", "false", "no", "0"),
        "off would lose transactions that were reported as committed",
    ),
    "wal_level": (
        lambda value: value.lower() in ("replica", "logical"),
        "minimal leaves nothing to restore from; replica or logical",
    ),
}


def checked(config: Config) -> dict[str, str]:
    """The extras as PostgreSQL writes them. Raises UsageError for one that breaks a promise. Pure."""
    return {
        name: _allowed(config, name, _text(value))
        for name, value in config.settings.postgres.settings.items()
    }


def validate(config: Config, postgres: Path) -> None:
    """Ask the server's own program whether it knows every extra and takes its value.

    Before the file is written: a server refuses to start with a setting that it doesn't know.
    `postgres -C` reads a setting and ends (about 5 ms each); it also runs as root.
    """
    for name, value in checked(config).items():
        files = ("config_file", "hba_file", "ident_file")
        nothing = [argument for file in files for argument in ("-c", f"{file}=/dev/null")]
        command = Command(
            (
                str(postgres),
                *("-C", name),
                *nothing,
                *("-c", "data_directory=/nonexistent"),
                *("-c", f"{name}={value}"),
            ),
            timeout=10,
        )
        done = run(command, check=False)
        complaint = re.search(r"FATAL:\s+(.*)", done.stderr)
        if done.code != 0 and complaint is not None:
            advice = re.search(r"HINT:\s+(.*)", done.stderr)
            raise UsageError(
                f"{_where(config, name)}: {complaint[1]}",
                hint=advice[1] if advice else "see PostgreSQL 16's documentation, chapter 20",
            )


def _allowed(config: Config, name: str, value: str) -> str:
    where = _where(config, name)
    if name in _OWN_KEYS:
        raise UsageError(
            f"{where}: has a key of its own", hint=f"set `{name}` under [postgres] instead"
        )
    if name in PROTECTED or name.startswith("ssl"):
        why = PROTECTED.get(name, "rfdata decides how TLS is served")
        raise UsageError(f"{where}: {why}", hint="remove this line")
    fits, bound = _BOUNDED.get(name, (lambda _: True, ""))
    if not fits(value):
        raise UsageError(f"{where}: {bound}", hint="change or remove this line")
    if any(ord(character) < 32 for character in value):
        raise UsageError(f"{where}: the value holds a control character", hint="write it anew")
    return value


def _where(config: Config, name: str) -> str:
    return f"{config.directory / TOML}: postgres.settings.{name}"


def _text(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _at_least(value: str, least: int) -> bool:
    return value.isdecimal() and int(value) >= least
