"""Which indexes the functions' own statements use, as auto_explain tells it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL, Identifier

from benchmarks.schema_load.place import Place

_LOOK = """
    LOAD 'auto_explain';
    SET auto_explain.log_min_duration = 0;
    SET auto_explain.log_nested_statements = on;
    SET auto_explain.log_format = json;
    SET client_min_messages = log;
"""


@dataclass(frozen=True)
class Wanted:
    """A call, and the indexes without which it would read a whole table."""

    name: str
    service: str
    statement: str
    indexes: frozenset[str]
    tables: frozenset[str]
    """Large ones, of which no part may be read from end to end."""


@dataclass(frozen=True)
class Seen:
    indexes: frozenset[str]
    scanned: frozenset[str]
    """Tables that were read from end to end."""

    def lacks(self, wanted: Wanted) -> str:
        """What is wrong, in words; empty when nothing is."""
        missing, scanned = wanted.indexes - self.indexes, wanted.tables & self.scanned
        parts = (
            f"does not use {', '.join(sorted(missing))}" if missing else "",
            f"reads all of {', '.join(sorted(scanned))}" if scanned else "",
        )
        return "; ".join(part for part in parts if part)


_ENTER = "SELECT identity.enter(benchmark.id(1, 1), benchmark.id(2, 1))"
WANTED = (
    Wanted(
        "identity.enter",
        "orchestrator",
        _ENTER,
        frozenset({"users_pkey"}),
        frozenset({"memberships", "users"}),
    ),
    Wanted(
        "session.touch",
        "orchestrator",
        "SELECT * FROM session.touch(sha256(convert_to('token 1', 'UTF8')))",
        frozenset({"sessions_token_hash_key", "sessions_pkey"}),
        frozenset({"sessions"}),
    ),
    Wanted(
        "session.purge",
        "orchestrator",
        "SELECT session.purge(100)",
        frozenset({"sessions_expires_at_idx"}),
        frozenset({"sessions"}),
    ),
    Wanted(
        "audit.append",
        "orchestrator",
        "SELECT audit.append('run.looked_at')",
        frozenset({"chains_pkey"}),
        frozenset({"events"}),
    ),
    Wanted(
        "an organization's newest audit events",
        "orchestrator",
        "SELECT * FROM audit.events ORDER BY occurred_at DESC LIMIT 50",
        frozenset({"events_organization_id_occurred_at_idx"}),
        frozenset({"events"}),
    ),
    Wanted(
        "research.claim_job",
        "worker",
        "SELECT * FROM research.claim_job('worker', ARRAY['analysis', 'embed'])",
        frozenset({"jobs_queue_idx", "jobs_running_idx"}),
        frozenset({"jobs"}),
    ),
    Wanted(
        "research.finish_job",
        "worker",
        "SELECT research.finish_job(id, lease_token) FROM research.claim_job('worker')",
        frozenset({"jobs_pkey"}),
        frozenset({"jobs"}),
    ),
    Wanted(
        "knowledge.search",
        "guideline_engine",
        "SELECT count(*) FROM benchmark.queries AS q, knowledge.search(q.words, q.embedding, 10) WHERE q.id = 1",
        frozenset({"chunks_embedding_idx", "chunks_tsv_idx", "chunks_pkey"}),
        frozenset({"chunks", "papers"}),
    ),
)


def look(place: Place, wanted: Wanted) -> Seen:
    """Call it once as the service, in an organization, and take it back."""
    said: list[str] = []
    with place.operator() as session:
        session.execute(_LOOK)
        role = Identifier(place.role(wanted.service))
        session.execute(SQL("SET SESSION AUTHORIZATION {}").format(role))
        with session.transaction(force_rollback=True):
            session.execute(_ENTER)
            session.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
            session.execute(wanted.statement.encode())
    nodes = [node for text in said for node in _nodes(text)]
    return Seen(
        frozenset(_any_month(node["Index Name"]) for node in nodes if "Index Name" in node),
        frozenset(
            _any_month(node["Relation Name"]) for node in nodes if node["Node Type"] == "Seq Scan"
        ),
    )


def _nodes(said: str) -> Iterator[dict[str, Any]]:
    """Every node of the plan that a notice of auto_explain brings; none where it is another notice."""
    _, found, text = said.partition("plan:\n")
    if found:
        yield from _below(json.loads(text)["Plan"])


def _below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _below(child)


def _any_month(name: str) -> str:
    """
    >>> _any_month("events_y2026m11_organization_id_occurred_at_idx"), _any_month("jobs_pkey")
    ('events_organization_id_occurred_at_idx', 'jobs_pkey')
    """
    return re.sub(r"^events_y\d+m\d+", "events", name)
