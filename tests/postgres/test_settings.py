"""The checklist's settings, tuning, and what `postgres.settings` may not do."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfdata.config.load import Config, parse_settings
from rfdata.config.quantities import parse_size
from rfdata.config.schema import GB, MB
from rfdata.errors import UsageError
from rfdata.postgres import extras
from rfdata.postgres.settings import Host, PostgresPaths, desired
from rfdata.runtime.find import find_postgres
from rfdata.secrets import Secret

Configure = Callable[[str], Config]
PATHS = PostgresPaths(
    data=Path("/srv/pg/data"),
    socket=Path("/srv/pg/run"),
    logs=Path("/srv/pg/log"),
    certificate=Path("/srv/pg/tls/server.crt"),
    key=Path("/srv/pg/tls/server.key"),
)
CHECKLIST = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "768MB",
    "checkpoint_completion_target": "0.9",
    "log_statement": "ddl",
    "log_min_duration_statement": "1s",
    "ssl": "on",
    "ssl_min_protocol_version": "TLSv1.2",
    "password_encryption": "scram-sha-256",
    "wal_level": "replica",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "log_connections": "on",
    "log_disconnections": "on",
    "log_rotation_size": "50MB",
    "shared_preload_libraries": "pg_stat_statements",
    "timezone": "UTC",
}


def defaults() -> Config:
    where = Path("/srv/deployment")
    return Config(where, parse_settings("", where / "rfdata.toml"), {}, Secret(""))


def test_the_checklist_s_values_are_the_defaults() -> None:
    found = desired(defaults(), PATHS)
    assert {name: found[name].value for name in CHECKLIST} == CHECKLIST


def test_every_setting_says_why() -> None:
    for name, setting in desired(defaults(), PATHS).items():
        assert setting.why.endswith("."), name
        assert "\n" not in setting.why, name


def test_archiving_waits_without_filling_the_disk_or_pretending() -> None:
    found = desired(defaults(), PATHS)
    assert found["archive_mode"].value == "off"
    assert int(found["max_wal_senders"].value) >= 2
    assert int(found["max_replication_slots"].value) >= 2
    assert parse_size(found["max_slot_wal_keep_size"].value) > 0


def test_extras_override(configure: Configure) -> None:
    config = configure(
        "[postgres.settings]\nrandom_page_cost = 1.1\njit = false\nlog_temp_files = '1MB'\n"
        "shared_preload_libraries = 'pg_stat_statements, auto_explain'\nwal_level = 'logical'"
    )
    found = desired(config, PATHS)
    assert found["random_page_cost"].value == "1.1"
    assert found["jit"].value == "off"
    assert found["log_temp_files"].value == "1MB"
    assert found["wal_level"].value == "logical"
    assert "rfdata.toml" in found["jit"].why


@pytest.mark.parametrize(
    "line",
    [
        "fsync = false",
        "fsync = true",
        "full_page_writes = 'off'",
        "ssl = false",
        "ssl_min_protocol_version = 'TLSv1'",
        "listen_addresses = '*'",
        "port = 5433",
        "max_connections = 10",
        "shared_buffers = '1GB'",
        "hba_file = '/tmp/x'",
        "ident_file = '/tmp/x'",
        "data_directory = '/tmp'",
        "config_file = '/tmp/x'",
        "unix_socket_directories = '/tmp'",
        "password_encryption = 'md5'",
        "synchronous_commit = 'off'",
        "synchronous_commit = false",
        "wal_level = 'minimal'",
        "max_wal_senders = 0",
        "shared_preload_libraries = ''",
        "logging_collector = false",
        "log_connections = false",
        "zero_damaged_pages = true",
        "reserved_connections = 500",
        "include = '/tmp/more.conf'",
        "include_dir = '/tmp'",
        "log_min_messages = 'PANIC'",
    ],
)
def test_an_extra_that_breaks_a_promise_is_refused_by_name(configure: Configure, line: str) -> None:
    config = configure(f"[postgres.settings]\n{line}")
    name = next(iter(tomllib.loads(line)))
    with pytest.raises(UsageError, match=rf"rfdata\.toml: postgres\.settings\.{name}: ") as caught:
        desired(config, PATHS)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("no_such_setting = 1", "unrecognized configuration parameter"),
        ("random_page_cost = 'cheap'", "invalid value for parameter"),
        ("work_mem = '1kB'", "outside the valid range"),
        ("timezone = 'Mars'", "invalid value for parameter"),
    ],
)
def test_postgres_itself_is_asked_before_anything_is_written(
    configure: Configure, line: str, complaint: str
) -> None:
    config = configure(f"[postgres.settings]\n{line}")
    with pytest.raises(UsageError, match=complaint) as caught:
        extras.validate(config, find_postgres().bin / "postgres")
    assert f"postgres.settings.{line.split()[0]}" in caught.value.message


def test_settings_that_postgres_knows_are_fine(configure: Configure) -> None:
    config = configure(
        "[postgres.settings]\nrandom_page_cost = 1.1\njit = false\nwork_mem = '8MB'\n"
        "log_temp_files = 0\nenable_seqscan = true"
    )
    extras.validate(config, find_postgres().bin / "postgres")


def test_auto_tuning_uses_the_limits(configure: Configure) -> None:
    config = configure('tuning = "auto"')
    found = desired(config, PATHS)
    assert found["shared_buffers"].value == "2GB"
    assert found["effective_cache_size"].value == "6GB"
    assert "8GB" in found["shared_buffers"].why


def test_auto_tuning_on_a_smaller_host(configure: Configure) -> None:
    config = configure('tuning = "auto"')
    found = desired(config, PATHS, Host(memory=7 * GB, cpus=2))
    assert found["shared_buffers"].value == "1GB"
    assert found["max_parallel_workers"].value == "2"


@given(
    memory=st.integers(256, 512 * 1024),
    limit=st.integers(1024, 512 * 1024),
    cpus=st.integers(1, 256),
    connections=st.integers(20, 10_000),
)
def test_auto_tuning_keeps_to_floors_and_bounds(
    memory: int, limit: int, cpus: int, connections: int
) -> None:
    where = Path("/srv/deployment")
    toml = (
        f'[postgres]\ntuning = "auto"\nmax_connections = {connections}\n'
        f'[postgres.limits]\ncpus = 4.0\nmemory = "{limit}MB"\nmemory_reservation = "256MB"\n'
    )
    config = Config(where, parse_settings(toml, where / "rfdata.toml"), {}, Secret(""))
    found = desired(config, PATHS, Host(memory * MB, cpus))
    sizes = {name: parse_size(found[name].value) for name in found if found[name].value[-1] == "B"}
    assert sizes["shared_buffers"] >= 256 * MB
    assert sizes["effective_cache_size"] >= 768 * MB
    assert sizes["shared_buffers"] <= max(256 * MB, limit * MB // 4, memory * MB // 4)
    assert 4 * MB <= sizes["work_mem"] <= 256 * MB
    assert 64 * MB <= sizes["maintenance_work_mem"] <= 2 * GB
    assert MB <= sizes["wal_buffers"] <= 16 * MB
    workers = int(found["max_parallel_workers"].value)
    assert 1 <= int(found["max_parallel_workers_per_gather"].value) <= workers
    assert workers <= int(found["max_worker_processes"].value)
