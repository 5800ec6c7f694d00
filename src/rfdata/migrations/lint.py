"""Every finding about a folder of migrations: its order, its files' text, and squawk; waivers applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rfdata.migrations.directives import waivers
from rfdata.migrations.examine import examine_script
from rfdata.migrations.finding import NEVER_WAIVED
from rfdata.migrations.folder import ROLLBACK, VERIFY, read_folder
from rfdata.migrations.foreign import Source, looks_like_ours, read_foreign
from rfdata.migrations.migration import Directives, Folder, Migration
from rfdata.migrations.squawk import OURS, PREFIX, squawk
from rfdata.model.migrations import Problem


def lint(folder: Folder | Path) -> tuple[Problem, ...]:
    """By file and place; what a file waives stays in, with its reason. Needs no database.

    A path may be that of any folder of SQL files, and is read as ours where most are named so.
    Raises UsageError for a folder that can't be read, ProgramMissing without squawk.
    """
    if isinstance(folder, Path) and not looks_like_ours(folder):
        root = folder
        sources, problems = read_foreign(folder)
    else:
        ours = read_folder(folder) if isinstance(folder, Path) else folder
        root = ours.path
        sources = [source for migration in ours.migrations for source in _sources(migration)]
        problems = list(ours.problems)
    for source in sources:
        problems += examine_script(source.script.text, source.path, source.part, source.directives)
    mains = [
        (source.path, source.script, source.directives.transaction)
        for source in sources
        if source.part == "main"
    ]
    problems += squawk(root, mains)
    judged = list(_waive(problems, sources))
    return tuple(sorted(judged, key=lambda each: (each.path, each.line, each.column, each.rule)))


def _sources(migration: Migration) -> Iterator[Source]:
    name = f"{migration.name}.sql"
    yield Source(name, "main", migration.script, migration.directives)
    if migration.rollback:
        asked = migration.rollback_directives
        yield Source(f"{ROLLBACK}/{name}", "rollback", migration.rollback, asked)
    if migration.verify:
        yield Source(f"{VERIFY}/{name}", "verify", migration.verify, Directives())


def _waive(problems: Iterable[Problem], sources: Sequence[Source]) -> Iterator[Problem]:
    reasons = {source.path: source.directives.waived for source in sources}
    used: set[tuple[str, str]] = set()
    found: dict[str, set[str]] = {}
    for problem in problems:
        found.setdefault(problem.path, set()).add(problem.rule)
        reason = reasons.get(problem.path, {}).get(problem.rule, "")
        if reason and problem.rule not in NEVER_WAIVED:
            used.add((problem.path, problem.rule))
            yield replace(problem, waived=reason)
        else:
            yield problem
    for source in sources:
        places: Mapping[str, tuple[int, int]] = {}
        for rule in source.directives.waived:
            if (source.path, rule) not in used:
                places = places or waivers(source.script.text)
                place = places.get(rule, (0, 0))
                yield _useless(source.path, place, rule, found.get(source.path, set()))


def _useless(path: str, place: tuple[int, int], rule: str, found: set[str]) -> Problem:
    """A waiver that waives nothing hides the next finding of its rule, which nobody will have seen."""
    bare = rule.removeprefix(PREFIX)
    message, remedy = f"the waiver of {rule} waives nothing", "remove it"
    if rule in NEVER_WAIVED:
        message, remedy = f"{rule} can't be waived", "mend what it says"
    elif bare in OURS:
        message = f"the waiver of {rule} waives nothing: squawk's rule is left out"
        remedy = f"waive {OURS[bare]} instead" if OURS[bare] in found else "remove it"
    elif f"{PREFIX}{rule}" in found:
        remedy = f"write `waive {PREFIX}{rule}: …`"
    return Problem(path, *place, "useless-waiver", message, remedy, "warning")
