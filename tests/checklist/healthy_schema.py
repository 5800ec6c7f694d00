"""A schema in perfect health: all that the checks ask for, and little else."""

from __future__ import annotations

from rfdata.model.facts import Relation, Schema

TABLES = """
identity.organizations identity.users identity.credentials identity.memberships identity.invites
identity.roles identity.permissions identity.role_permissions identity.role_grants
identity.mfa_enrolments identity.consents identity.quotas
research.projects research.project_members research.workflows research.workflow_versions
research.stages research.run_transitions research.runs research.stage_runs research.checkpoints
research.artifacts research.artifact_versions research.artifact_edges research.manuscripts
research.manuscript_versions research.datasets research.phi_findings research.approval_gates
research.approval_decisions research.jobs research.ai_invocations
knowledge.papers audit.chains
governance.settings governance.setting_history governance.mode governance.feature_flags
"""
FUNCTIONS = """
identity.has_permission identity.current_organization identity.current_user_id identity.enter
session.open session.touch session.revoke session.purge
research.move_run research.move_stage research.append_manuscript_version research.enqueue_job
research.claim_job research.finish_job research.fail_job
audit.append audit.verify_chain audit.ensure_partitions knowledge.search
"""


def relation(name: str, *columns: str, **fields: object) -> Relation:
    """A table with an organization's rows, which its own policy guards."""
    schema, _, table = name.partition(".")
    kinds = {column: kind or "uuid" for column, _, kind in (c.partition(" ") for c in columns)}
    known: dict[str, object] = {
        "schema": schema,
        "name": table,
        "kind": "table",
        "row_security": True,
        "columns": {"id": "uuid", "organization_id": "uuid", **kinds},
        "privileges": {f"rf_{schema}_read": frozenset({"SELECT"})},
        "unindexed_foreign_keys": (),
        "uncommented": (),
    }
    return Relation(**(known | fields))  # type: ignore[arg-type]


def schema() -> Schema:
    """Every table and function that services need."""
    expiring = ("token_hash bytea", "expires_at timestamptz")
    months = ("y2026m01", "y2026m02", "y2026m03", "y2026m04")
    append = {"rf_audit_read": frozenset({"SELECT"}), "rf_audit_break_glass": frozenset({"DELETE"})}
    special = (
        relation("audit.events", kind="partitioned", privileges=append),
        *(
            relation(f"audit.events_{month}", kind="partition", row_security=False, privileges={})
            for month in months
        ),
        relation("knowledge.chunks", "embedding vector(1536)"),
        relation("session.sessions", *expiring),
        relation("session.password_reset_tokens", *expiring),
    )
    return Schema(
        relations={
            **{name: relation(name) for name in TABLES.split()},
            **{f"{one.schema}.{one.name}": one for one in special},
        },
        functions=frozenset(FUNCTIONS.split()),
        vector_indexes=(
            "knowledge.by_meaning (CREATE INDEX by_meaning ON knowledge.chunks USING hnsw (embedding))",
        ),
        invalid_indexes=(),
        indexed=frozenset(
            {"session.sessions.expires_at", "session.password_reset_tokens.expires_at"}
        ),
    )
