"""A plan on paper: shown as JSON, kept in a file, held against a later one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rfdata.errors import UsageError
from rfdata.model.plan import Plan


def to_json(plan: Plan) -> dict[str, Any]:
    """A plan for people and programs; holds no secret, so it can't be applied from here alone."""
    return {
        "schema": "rfdata/plan/1",
        "digest": plan.digest,
        "config_digest": plan.config_digest,
        "steps": [
            {
                "group": step.group,
                "action": type(step.action).__name__,
                "summary": step.summary,
                "detail": list(step.detail),
                "reversal": step.reversal,
            }
            for step in plan.steps
        ],
    }


def read_digest(kept: Path) -> str:
    """The digest of the plan in this file. Raises UsageError when it holds none."""
    try:
        digest = json.loads(kept.read_text(encoding="utf-8"))["digest"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        digest = None
    if not isinstance(digest, str):
        raise UsageError(
            f"{kept}: not a plan that can be read", hint="`rfdata plan --out FILE` writes one"
        )
    return digest
