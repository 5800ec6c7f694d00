"""Section 7: networks."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import LOGINS, on_all, on_both, on_postgres

NETWORK = (
    "networks in CIDR form that PostgreSQL's rules and all listening addresses are held to, instead "
    "of a bridge network"
)

LINES: tuple[Line, ...] = (
    Line(
        "7.1",
        "The servers are reachable from the networks meant for them and from nowhere else",
        checks=(
            "postgres.hba_networks",
            *on_all("host", "listeners"),
            "probe.postgres_foreign_network_refused",
        ),
        deviation=NETWORK,
    ),
    Line(
        "7.2",
        "Every server listens where its clients are, and lets them in",
        checks=("postgres.hba_has_a_way_in", *on_all("host", "listeners")),
        deviation=NETWORK,
    ),
    Line("7.3", "A client reaches PostgreSQL and both Redis servers", checks=LOGINS),
    Line(
        "7.4",
        "The servers' names are written down where developers look",
        checks=("env.example_explains", *on_all("env", "host")),
    ),
    Line(
        "7.5",
        "PostgreSQL is reached by the host and port that are written down",
        checks=(
            *on_postgres("env", "host", "port"),
            "env.database_url",
            "tls.postgres_names",
            "probe.postgres_login",
        ),
        deviation="host and port of rfdata.toml; its certificate bears the name postgres as well",
    ),
    Line(
        "7.6",
        "Both Redis servers are reached by the hosts and ports that are written down",
        checks=(
            *on_both("env", "host", "port", "url"),
            *on_both("tls", "names"),
            *on_both("probe", "login"),
        ),
        deviation="host and port of rfdata.toml; the certificates bear redis and redis-durable as well",
    ),
    Line(
        "7.7",
        "The servers' names have addresses where services run",
        checks=("deployment.hosts_resolve",),
        deviation="the host's own resolver instead of Docker's",
    ),
    Line(
        "7.8",
        "From outside nobody gets in, whatever he knows",
        checks=(
            "probe.postgres_foreign_network_refused",
            *on_all("host", "listeners"),
            *on_all("probe", "plaintext_refused", "no_password_refused"),
        ),
        deviation=NETWORK,
    ),
)
