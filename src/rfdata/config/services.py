"""The services that log in to PostgreSQL as themselves, and the groups through which migrations grant it its rights.

Migrations grant to groups, never to logins: a group's name is the same in every deployment, and a
service that needs one thing more becomes a member of one group more. Groups own nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

GROUPS: Mapping[str, str] = {
    "rf_identity_read": "Sees organizations, users, memberships, roles and permissions.",
    "rf_identity_write": "Manages users, memberships, credentials, invites, consents and quotas.",
    "rf_session": "Opens, touches and revokes sessions, through functions only.",
    "rf_research_read": "Sees projects, workflows, runs, artifacts, manuscripts and datasets.",
    "rf_research_write": "Changes them.",
    "rf_manuscript_write": "Adds versions of manuscripts, and nothing else of research.",
    "rf_jobs": "Claims analysis jobs and reports how they went, in every organization.",
    "rf_audit_append": "Adds audit events, through one function.",
    "rf_audit_read": "Sees audit events and verifies their chain.",
    "rf_audit_break_glass": "May remove audit events; nobody is a member until somebody must be.",
    "rf_knowledge_read": "Searches papers and their chunks.",
    "rf_knowledge_write": "Adds papers, chunks and embeddings.",
    "rf_governance_read": "Sees settings, the mode and feature flags.",
    "rf_governance_write": "Changes them.",
}
"""Every group with the sentence that explains it."""

SERVICES: Mapping[str, tuple[str, ...]] = {
    "orchestrator": (
        "rf_identity_write",
        "rf_session",
        "rf_research_write",
        "rf_audit_append",
        "rf_audit_read",
        "rf_knowledge_read",
        "rf_governance_write",
    ),
    "worker": (
        "rf_identity_read",
        "rf_research_write",
        "rf_jobs",
        "rf_audit_append",
        "rf_knowledge_write",
        "rf_governance_read",
    ),
    "collab": (
        "rf_identity_read",
        "rf_session",
        "rf_research_read",
        "rf_manuscript_write",
        "rf_audit_append",
        "rf_governance_read",
    ),
    "guideline_engine": (
        "rf_identity_read",
        "rf_research_read",
        "rf_audit_append",
        "rf_knowledge_read",
        "rf_governance_read",
    ),
}
"""Each service's groups. A `_write` group includes what its `_read` group sees (in 0001)."""

READERS = (
    "rf_identity_read",
    "rf_research_read",
    "rf_audit_read",
    "rf_knowledge_read",
    "rf_governance_read",
)
"""What analysts and dashboards see, organization by organization."""


def all_services() -> tuple[str, ...]:
    """The groups of all services together, for the role that they share until each has its own."""
    return tuple(dict.fromkeys(group for groups in SERVICES.values() for group in groups))


def password_variable(service: str) -> str:
    """
    >>> password_variable("guideline_engine")
    'POSTGRES_GUIDELINE_ENGINE_PASSWORD'
    """
    return f"POSTGRES_{service.upper()}_PASSWORD"
