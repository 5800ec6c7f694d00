"""Section 5: health checks, and what depends on them."""

from __future__ import annotations

from rfdata.checklist.line import Line
from rfdata.checklist.lines.ids import HEALTH, on_all, on_both

POLL = "polled by the watch (systemd, or rfdata's agent) instead of Docker"
NO_SERVICES = (
    "this target starts no services that could wait: the services come with Phase 3, and the "
    "compose target declares what they wait for"
)
NOT_OURS = "who waits for someone else's servers is not declared here"

LINES: tuple[Line, ...] = (
    Line(
        "5.1",
        "PostgreSQL's health is asked for in a way that can't be fooled",
        checks=("postgres.ready", "probe.postgres_login", "host.postgres_health"),
        deviation="SELECT 1 as the services' role: pg_isready says yes to users that don't exist "
        "(decisions, 2)",
    ),
    Line(
        "5.2",
        "PostgreSQL is asked every ten seconds",
        checks=("host.watch_interval",),
        deviation=POLL,
    ),
    Line(
        "5.3",
        "No answer from PostgreSQL within five seconds counts as a failure, and it is quicker than that",
        checks=("host.watch_timeout", "probe.postgres_answers_in_time"),
        deviation=POLL,
    ),
    Line(
        "5.4",
        "Five failures in a row make PostgreSQL unhealthy",
        checks=("host.watch_retries",),
        deviation=POLL,
    ),
    Line(
        "5.5",
        "PostgreSQL is given up to half a minute to come up",
        checks=("host.watch_start_period",),
        deviation=POLL,
    ),
    Line(
        "5.6",
        "The health of both Redis servers is asked for in a way that can't be fooled",
        checks=(*on_both("probe", "login"), *on_both("host", "health")),
        deviation="PONG is required, over verified TLS, and no password is in the process list "
        "(decisions, 1)",
    ),
    Line(
        "5.7", "Redis is asked every ten seconds", checks=("host.watch_interval",), deviation=POLL
    ),
    Line(
        "5.8",
        "No answer from Redis within five seconds counts as a failure, and it is quicker than that",
        checks=("host.watch_timeout", *on_both("probe", "answers_in_time")),
        deviation=POLL,
    ),
    Line(
        "5.9",
        "Five failures in a row make Redis unhealthy",
        checks=("host.watch_retries",),
        deviation=POLL,
    ),
    Line(
        "5.10",
        "Redis is given ten seconds or more to come up",
        checks=("host.watch_start_period",),
        deviation="one start period for all three servers, 30 s: Redis reads its AOF at a start",
    ),
    Line(
        "5.11",
        "The health polls run, and find every server well",
        checks=("host.watch_alive", *HEALTH),
        deviation=POLL,
    ),
    Line(
        "5.12",
        "What waits for a healthy server really waits",
        not_native=NO_SERVICES,
        not_external=NOT_OURS,
        pending="compose: depends_on with service_healthy, tried with a server that stays unhealthy",
    ),
    Line(
        "5.13",
        "No service starts before the servers that it needs",
        not_native=NO_SERVICES,
        not_external=NOT_OURS,
        pending="compose: the order of starts, read from the containers' own times",
    ),
    Line(
        "5.14",
        "The servers' logs of the last start hold no failure",
        checks=on_all("logs", "startup"),
    ),
    Line(
        "5.15",
        "Whoever is on call knows what to do about a failing health check",
        attest="Our team has instructions for failing health checks, and whoever is on call knows them.",
        attest_days=180,
    ),
)
