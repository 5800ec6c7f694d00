"""Steps for system users, folders and files: missing ones, changed ones, wrong access."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from rfdata.errors import Unreachable
from rfdata.model.facts import Facts, FileState
from rfdata.model.plan import CreateSystemUser, MakeDirectory, SetAccess, Step, WriteFile
from rfdata.targets.base import Desired

DIFF_LINES = 40
"""A longer diff is cut, with a line that says how much was left out."""


def users(desired: Desired, facts: Facts) -> Iterator[Step]:
    there = facts.host.users.content
    if there is None:
        raise Unreachable(f"system users could not be read: {facts.host.users.trouble}")
    for user in desired.users:
        if user not in there:
            yield Step(
                "files",
                f"create the system user {user}, without a login",
                f"userdel {user}",
                CreateSystemUser(user),
            )


def folders(desired: Desired, facts: Facts) -> Iterator[Step]:
    for folder in desired.folders:
        state = lies_at(facts, folder.path)
        if not state.exists:
            summary = f"make {folder.path} (mode {folder.mode:04o}{_owned(folder.user)})"
            yield Step("files", summary, f"rmdir {folder.path}", folder)
        elif step := access(folder, state):
            yield step


def files(wanted: tuple[WriteFile, ...], facts: Facts) -> Iterator[Step]:
    for file in wanted:
        state = lies_at(facts, file.path)
        if not state.exists:
            summary = f"write {file.path} (mode {file.mode:04o}{_owned(file.user)})"
            yield Step("files", summary, f"rm {file.path}", file)
        elif state.sha256 != digest_of(file):
            yield Step(
                "files", f"change {file.path}", "put the old lines back", file, _diff(file, state)
            )
        elif step := access(file, state):
            yield step


def digest_of(file: WriteFile) -> str:
    """SHA-256 of what a file is going to hold."""
    content = file.content if isinstance(file.content, str) else file.content.reveal()
    return hashlib.sha256(content.encode()).hexdigest()


def access(wanted: MakeDirectory | WriteFile | SetAccess, state: FileState) -> Step | None:
    owner_differs = bool(wanted.user) and state.user != wanted.user
    if state.mode == wanted.mode and not owner_differs:
        return None
    detail = (
        f"- mode {state.mode:04o}, owner {state.user}",
        f"+ mode {wanted.mode:04o}, owner {wanted.user or state.user}",
    )
    return Step(
        "files",
        f"correct the access to {wanted.path}",
        f"chmod {state.mode:04o} {wanted.path}; chown {state.user} {wanted.path}",
        SetAccess(wanted.path, wanted.mode, wanted.user),
        detail,
    )


def _diff(file: WriteFile, state: FileState) -> tuple[str, ...]:
    if not isinstance(file.content, str) or state.text is None:
        return ("~ its content, which holds secrets",)
    lines = list(
        difflib.unified_diff(state.text.splitlines(), file.content.splitlines(), lineterm="", n=0)
    )[2:]
    changed = [line for line in lines if not line.startswith("@@")]
    shown = changed[:DIFF_LINES]
    if len(changed) > len(shown):
        shown.append(f"  … {len(changed) - len(shown)} more lines")
    return tuple(shown)


def lies_at(facts: Facts, path: Path) -> FileState:
    states = facts.deployment.files.content
    if states is None:
        raise Unreachable(f"files could not be read: {facts.deployment.files.trouble}")
    return states.get(str(path), FileState(exists=False))


def _owned(user: str) -> str:
    return f", owner {user}" if user else ""
