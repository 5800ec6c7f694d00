"""Section 9: security."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import ROLES, USERS, both, on_all, on_both, on_postgres

LINES: tuple[Line, ...] = (
    Line(
        "9.1",
        "PostgreSQL stores and asks for passwords by SCRAM only",
        checks=(
            "postgres.password_encryption",
            "postgres.passwords_scram",
            "postgres.hba_methods",
            *on_postgres("probe", "wrong_password_refused", "no_password_refused"),
        ),
    ),
    Line(
        "9.2",
        "PostgreSQL speaks TLS, 1.2 or newer, and nothing else over TCP",
        checks=(
            "postgres.ssl",
            "postgres.tls_minimum",
            "postgres.hba_tls_only",
            "postgres.no_remote_plaintext",
            "tls.postgres_protocol",
            *on_postgres("probe", "plaintext_refused", "old_tls_refused"),
        ),
        deviation="ssl = on only offers TLS: hostssl rules and a rejecting hostnossl demand it "
        "(decisions, 8)",
    ),
    Line(
        "9.3",
        "PostgreSQL has a certificate of its own, issued by our authority",
        checks=on_postgres("tls", "chain", "names", "lifetime"),
    ),
    Line(
        "9.4",
        "PostgreSQL has a key of its own, of a strong kind",
        checks=on_postgres("tls", "key_type", "key_file"),
    ),
    Line(
        "9.5",
        "Nobody but the server can read PostgreSQL's key",
        checks=("tls.postgres_key_file",),
        deviation="owner and mode both: mode 600 in the wrong hands keeps the server from starting "
        "(decisions, 9)",
    ),
    Line(
        "9.6",
        "PostgreSQL lets in only roles that were made for it, from our own networks",
        checks=(
            "postgres.hba_networks",
            "host.postgres_listeners",
            "probe.postgres_foreign_network_refused",
            "postgres.public_database",
            "postgres.public_schema",
        ),
    ),
    Line(
        "9.7",
        "Nothing in PostgreSQL can be reached from afar that need not be, the superuser least of all",
        checks=(
            "host.postgres_listeners",
            "postgres.superuser_not_remote",
            "postgres.superusers",
            "postgres.hba_networks",
        ),
    ),
    Line(
        "9.8",
        "Who comes, who goes and who changes the schema is logged",
        checks=(
            "postgres.log_connections",
            "postgres.log_disconnections",
            "postgres.log_statement",
            "postgres.log_line_prefix",
        ),
        deviation="log_statement = ddl logs no connections: log_connections does (decisions, 10)",
    ),
    Line(
        "9.9",
        "Slow statements and long waits are logged",
        checks=("postgres.log_min_duration_statement", "postgres.log_lock_waits"),
    ),
    Line(
        "9.10",
        "Both Redis passwords can't be guessed",
        checks=(*on_both("env", "password"), "env.password_entropy"),
    ),
    Line(
        "9.11",
        "No Redis user gets in without its password, and none may do more than it needs",
        checks=(*USERS, *on_both("probe", "wrong_password_refused", "no_password_refused")),
        deviation="an ACL file of hashes: requirepass in the command line can be read by others "
        "(decisions, 18)",
    ),
    Line(
        "9.12",
        "Everything between clients and Redis is encrypted, with TLS 1.2 or newer",
        checks=(
            *both("tls_port", "tls_protocols"),
            *on_both("tls", "protocol"),
            *on_both("probe", "old_tls_refused"),
        ),
    ),
    Line(
        "9.13",
        "Both Redis servers have certificates of their own, issued by our authority",
        checks=on_both("tls", "chain", "names", "lifetime"),
    ),
    Line(
        "9.14",
        "Both Redis servers have keys of their own, of a strong kind",
        checks=on_both("tls", "key_type", "key_file"),
    ),
    Line(
        "9.15",
        "The authority is the deployment's own, valid, and its key is private",
        checks=("tls.ca_valid", "tls.ca_own", "tls.ca_key_private"),
    ),
    Line(
        "9.16",
        "Nobody but the servers can read Redis's keys",
        checks=(*on_both("tls", "key_file"), "tls.ca_key_private"),
        deviation="owner and mode both: mode 600 in the wrong hands keeps the server from starting "
        "(decisions, 9)",
    ),
    Line(
        "9.17",
        "Redis answers nobody who doesn't speak TLS",
        checks=(*both("plaintext_port"), *on_both("probe", "plaintext_refused")),
    ),
    Line(
        "9.18",
        "Both Redis servers listen only where our own networks are",
        checks=(*on_both("host", "listeners"), *both("protected_mode", "protected_commands")),
    ),
    Line(
        "9.19",
        "Data that must not be lost is on the disk before its writer hears that it was kept",
        checks=(
            "redis-durable.appendfsync",
            "redis-durable.appendonly",
            "redis-durable.aof_healthy",
            "redis-durable.fsync_during_rewrite",
            "env.redis-durable_url",
        ),
        deviation="on the durable server; the cache syncs every second (decisions, 6)",
    ),
    Line("9.20", "Only its owner can read the file of secrets", checks=("env.file_mode",)),
    Line(
        "9.21",
        "No secret is or ever was in version control",
        checks=("env.git_ignored", "env.never_committed", "env.templates_hold_no_secret"),
    ),
    Line(
        "9.22",
        "Every variable is explained in a file that holds no secret",
        checks=("env.example_explains", "env.templates_hold_no_secret"),
    ),
    Line(
        "9.23",
        "Development and production share no file of secrets",
        checks=("env.production_template", "env.templates_hold_no_secret"),
        attest="No password in this deployment's .env is used in any other environment.",
        deviation="a deployment directory with its own .env for each environment",
    ),
    Line(
        "9.24",
        "Passwords and keys are changed now and then, without an outage",
        checks=on_all("tls", "lifetime"),
        drill="rotation",
    ),
    Line(
        "9.25",
        "Passwords are drawn by a machine, not thought up",
        checks=("env.password_lengths", "env.password_entropy", "env.password_characters"),
        deviation="43 URL-safe characters: base64's / and + break URLs (decisions, 13)",
    ),
    Line(
        "9.26",
        "Secrets are kept in a place made for them",
        attest="The secrets of this deployment are kept in our secret manager; .env is a copy of it.",
    ),
    Line(
        "9.27",
        "Somebody has gone through all of this with open eyes",
        checks=(*ROLES, *both("users", "app_commands", "monitor_commands")),
        attest="I have read this report's security lines and rfdata.toml, and stand by both.",
    ),
    Line(
        "9.28",
        "No certificate is about to end, and renewed ones are in use",
        checks=("tls.ca_valid", *on_all("tls", "days_left", "live")),
    ),
    Line(
        "9.29",
        "Keys, secrets and configuration have the owners and modes that they should",
        checks=(
            "env.file_mode",
            "tls.ca_key_private",
            *on_all("tls", "key_file"),
            "deployment.files_not_writable",
            "deployment.files_private",
            *on_all("host", "system_user"),
        ),
    ),
    Line(
        "9.30",
        "It is agreed when secrets are changed, and by whom",
        attest="We have agreed who changes which secret how often, and it is in a calendar.",
        attest_days=365,
    ),
    Line(
        "9.31",
        "It is written down how secrets are made, kept, given out and taken back",
        attest="Our way of handling secrets is written down where the team finds it.",
        attest_days=365,
    ),
    Line(
        "9.32",
        "Somebody notices failed logins and other signs of an attack",
        checks=("postgres.log_connections",),
        pending="monitoring: figures and alerts for refused logins, on all three servers",
    ),
)
