"""Section 2: PostgreSQL as it should be configured."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import on_postgres

LINES: tuple[Line, ...] = (
    Line(
        "2.1",
        "The role that services log in with has a name, one and the same everywhere",
        checks=("env.postgres_user", "postgres.role_app"),
        deviation="one default, researchflow_user, where the checklist has two (decisions, 14)",
    ),
    Line(
        "2.2",
        "That role's password is long and random enough",
        checks=("env.postgres_password", "env.password_entropy"),
        deviation="43 URL-safe characters in place of mixed case: 256 random bits (decisions, 13)",
    ),
    Line(
        "2.3",
        "The database has a name, and a database of that name is there",
        checks=("env.postgres_database", "postgres.database"),
        deviation="one default, researchflow, where the checklist has two (decisions, 14)",
    ),
    Line(
        "2.4",
        "Services are told the host of PostgreSQL, and it has an address",
        checks=("env.postgres_host", "deployment.hosts_resolve"),
    ),
    Line(
        "2.5",
        "Services are told the port that PostgreSQL listens on",
        checks=("env.postgres_port",),
    ),
    Line(
        "2.6",
        "The connection URL says the same as its parts, and lets a service in",
        checks=("env.database_url", "probe.postgres_login"),
        deviation="the password is percent-encoded and sslmode is part of it (decisions, 13 and 19)",
    ),
    Line(
        "2.7",
        "Clients are told to use TLS, and nothing else is let in",
        checks=("env.database_sslmode", "postgres.ssl", "probe.postgres_plaintext_refused"),
        deviation="verify-full with our CA: require would take any certificate (decisions, 7)",
    ),
    Line(
        "2.8",
        "PostgreSQL presents a certificate that our clients trust, for its own names and in time",
        checks=on_postgres("tls", "chain", "names", "days_left", "live"),
    ),
    Line(
        "2.9",
        "The key behind that certificate is a strong one, and only the server can read it",
        checks=on_postgres("tls", "key_type", "key_file"),
    ),
    Line(
        "2.10",
        "There are enough connections for the services, with some to spare",
        checks=(
            "postgres.max_connections",
            "postgres.connections_left",
            "postgres.reserved_connections",
            "postgres.idle_in_transaction_timeout",
        ),
    ),
    Line(
        "2.11",
        "Shared buffers are large enough, and leave memory for queries",
        checks=("postgres.shared_buffers", "postgres.memory_fits"),
        deviation="the figure is a floor; tuning = auto takes a quarter of the memory (decisions, 17)",
    ),
    Line(
        "2.12",
        "The planner knows how much cache it may count on",
        checks=("postgres.effective_cache_size",),
        deviation="the figure is a floor; tuning = auto derives it from the memory (decisions, 17)",
    ),
    Line(
        "2.13",
        "The server is PostgreSQL 16 and has pgvector at hand",
        checks=("postgres.version", "postgres.pgvector_available", "host.postgres_program"),
        deviation="programs on this host instead of an image, the same in dev and prod (decisions, 11)",
    ),
    Line(
        "2.14",
        "The services' role was made with its strong password and logs in with it",
        checks=(
            "postgres.role_app",
            "env.postgres_password",
            "postgres.passwords_scram",
            "postgres.passwords_match",
            "probe.postgres_login",
        ),
    ),
    Line(
        "2.15",
        "The database stores UTF-8 and sorts as American English, with the library it was made with",
        checks=("postgres.encoding", "postgres.locale", "postgres.collation_version"),
        deviation="ICU en-US or C.UTF-8 where the host lacks en_US.UTF-8 (decisions, 12)",
    ),
    Line(
        "2.16",
        "Database, owner and extensions are set up by something that can be run again",
        checks=(
            "postgres.database_owner",
            "postgres.schema_owner",
            "postgres.connect_privileges",
            "postgres.pgvector",
            "postgres.pg_stat_statements",
        ),
        deviation="rfdata up does it and mends it later; an init script runs once, on an empty folder",
    ),
    Line(
        "2.17",
        "PostgreSQL's certificates are issued, in use, and turned down by strangers",
        checks=(
            *on_postgres("tls", "chain", "days_left", "lifetime", "live"),
            "probe.postgres_foreign_ca_refused",
        ),
    ),
    Line("2.18", "Production allows 200 connections or more", checks=("postgres.max_connections",)),
    Line(
        "2.19",
        "Production has 256 MB of shared buffers or more",
        checks=("postgres.shared_buffers",),
    ),
    Line(
        "2.20",
        "Production's planner counts on 768 MB of cache or more",
        checks=("postgres.effective_cache_size",),
    ),
    Line(
        "2.21",
        "What was committed survives a crash, and the write-ahead log is fit for an archive",
        checks=(
            "postgres.fsync",
            "postgres.full_page_writes",
            "postgres.synchronous_commit",
            "postgres.checksums",
            "postgres.wal_level",
            "postgres.wal_senders",
            "postgres.replication_slots",
            "postgres.slot_wal_limit",
            "postgres.archive_ready",
            "postgres.primary",
            "postgres.autovacuum",
        ),
        deviation="WAL can't be switched off: what is checked is what makes it worth having",
    ),
    Line(
        "2.22",
        "Checkpoints are spread over nine tenths of the time between them",
        checks=("postgres.checkpoint_completion_target",),
    ),
    Line("2.23", "Changes to the schema are logged", checks=("postgres.log_statement",)),
    Line(
        "2.24",
        "Statements of a second or more are logged",
        checks=("postgres.log_min_duration_statement",),
    ),
    Line(
        "2.25",
        "The data has a place of its own that outlives the server",
        checks=on_postgres("host", "data_mode", "data_owner", "disk_persistent", "disk_free"),
        deviation="a folder of mode 0700 on a persistent disk instead of a Docker volume",
    ),
    Line(
        "2.26",
        "Somebody asks PostgreSQL every ten seconds whether it works, and notices when not",
        checks=(
            "postgres.ready",
            "probe.postgres_login",
            "host.postgres_health",
            "host.watch_interval",
            "host.watch_timeout",
            "host.watch_retries",
        ),
        deviation="SELECT 1 as the services' role over TLS: pg_isready alone says yes to anyone "
        "(decisions, 2); the watch polls instead of Docker",
    ),
)
