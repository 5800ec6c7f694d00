"""What speaks against running migrations, before the first of them is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from rfdata.config.services import GROUPS
from rfdata.migrations.choose import refuse
from rfdata.migrations.examine import examine_script
from rfdata.migrations.finding import NEVER_WAIVED
from rfdata.migrations.job import Direction
from rfdata.migrations.migration import Directives, Migration, Script
from rfdata.migrations.needs import Needed, needs
from rfdata.migrations.queries import query
from rfdata.model.migrations import Problem

if TYPE_CHECKING:
    from rfdata.migrations.migration import Session

_ROLE_RULE = "role"


def preflight(session: Session, migrations: Sequence[Migration]) -> tuple[Problem, ...]:
    """Extensions that the server lacks, and roles that don't exist, in the order of the files.

    Roles are not looked for where a file makes some itself, which it may only by a waiver.
    """
    wanted = [(migration.script, needs(migration.script)) for migration in migrations]
    makes_roles = any(_ROLE_RULE in migration.directives.waived for migration in migrations)
    available = _names(session, "extensions") if any(need.extensions for _, need in wanted) else ()
    there = _names(session, "roles") if any(need.roles for _, need in wanted) else ()
    problems: list[Problem] = []
    for script, need in wanted:
        problems += [_no_extension(script, e) for e in need.extensions if e.name not in available]
        if not makes_roles:
            problems += [_no_role(script, role) for role in need.roles if role.name not in there]
    return tuple(problems)


def refuse_unfit(migrations: Sequence[Migration], direction: Direction) -> None:
    """Raises UsageError with what the scripts that would run do wrong by themselves."""
    refuse(
        (f"{problem.place}: {problem.message}", problem.remedy)
        for migration in migrations
        for problem in _unfit(migration, direction)
    )


def _unfit(migration: Migration, direction: Direction) -> Iterator[Problem]:
    script, directives = migration.script, migration.directives
    if direction == "down" and migration.rollback is not None:
        script, directives = migration.rollback, migration.rollback_directives
    found = examine_script(
        script.text, str(script.path), "main" if direction == "up" else "rollback", directives
    )
    if direction == "up" and migration.verify is not None:
        proof = migration.verify
        found += examine_script(proof.text, str(proof.path), "verify", Directives())
    for problem in found:
        waived = problem.rule in directives.waived and problem.rule not in NEVER_WAIVED
        if problem.severity == "error" and not waived:
            yield problem


def _names(session: Session, what: str) -> frozenset[str]:
    return frozenset(name for (name,) in session.execute(query(f"runner_{what}")).fetchall())


def _no_extension(script: Script, needed: Needed) -> Problem:
    return Problem(
        *(str(script.path), needed.line, needed.column, "extension-missing"),
        message=f"the server does not have the extension {needed.name}",
        remedy="install its package on the server's host, so that pg_available_extensions lists it",
        severity="error",
    )


def _no_role(script: Script, needed: Needed) -> Problem:
    groups = ", ".join(get_close_matches(needed.name, GROUPS)) or "rf_*"
    return Problem(
        *(str(script.path), needed.line, needed.column, "role-missing"),
        message=f"there is no role {needed.name}",
        remedy=f"name a role that `rfdata up` makes, for example one of the groups {groups}",
        severity="error",
    )
