"""Whose state folder it is, and whether the servers' users can reach it: asked before anything is done."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from rfdata import files
from rfdata.config.load import TOML
from rfdata.errors import ChangeFailed, Unreachable, UsageError
from rfdata.files import Owner
from rfdata.targets.native.layout import Layout

CLUSTER_MARK = "PG_VERSION"
"""The file that every PostgreSQL data folder has."""


def require_ours(layout: Layout) -> None:
    """Raise UsageError when this state folder can't be this deployment's.

    A folder whose former deployment is gone was moved together with it, and is adopted.
    """
    owner = claimed_by(layout.marker)
    if owner is None or owner == layout.deployment:
        return
    if (owner / TOML).exists():
        raise UsageError(
            f"{layout.state} belongs to the deployment {owner}",
            hint="give each deployment a folder of its own: native.state in rfdata.toml "
            f"(a copy of a deployment must not bring {layout.state.name}/ along)",
        )


def claimed_by(marker: Path) -> Path | None:
    """The deployment that a state folder names, if it names one."""
    try:
        text = marker.read_text(encoding="utf-8", errors="surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise Unreachable(f"{marker}: not allowed to read it", hint="run as its owner") from error
    return Path(text.removesuffix("\n"))


def require_reachable(layout: Layout) -> None:
    """Raise UsageError when the servers' users could not get to the state folder.

    Only root runs servers as someone else. What doesn't exist yet is made so that they can.
    """
    if os.geteuid() != 0 or layout.servers_users == (layout.own_user,):
        return
    for folder in reversed(layout.state.parents):
        try:
            mode = folder.stat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(mode):
            raise UsageError(f"{folder} is not a folder", hint="choose another native.state")
        if not mode & 0o001:
            users = " and ".join(layout.servers_users)
            raise UsageError(
                f"{layout.state}: {users} can't get there, because {folder} is closed to them",
                hint="set native.state in rfdata.toml to a folder that they can reach, for example "
                f'"/var/lib/rfdata/{layout.identity}"',
            )


def require_cluster_or_nothing(layout: Layout) -> None:
    """Raise UsageError when PostgreSQL's data folder holds something that is no database cluster."""
    data = layout.home("postgres").data
    try:
        foreign = not (data / CLUSTER_MARK).exists() and any(data.iterdir())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    if foreign:
        raise UsageError(
            f"{data} is neither empty nor a PostgreSQL data folder",
            hint="move what is in it away, or choose another native.state in rfdata.toml",
        )


def make_socket_folder(layout: Layout) -> None:
    """A folder under /run or /tmp is gone after a boot. In /tmp anyone may have made it before us."""
    folder, home = layout.socket_folder, layout.home("postgres")
    if folder.is_relative_to(home.root):
        return
    files.make_directory(folder, mode=0o700, owner=Owner.named(home.user))
    require_private(folder, Owner.named(home.user).uid)


def require_private(folder: Path, uid: int) -> None:
    """Raise ChangeFailed unless it is a real folder of this user (-1: ourselves) and of nobody else."""
    found = folder.lstat()
    owner = os.geteuid() if uid == -1 else uid
    if folder.is_symlink() or found.st_uid != owner or found.st_mode & 0o077:
        raise ChangeFailed(
            f"{folder} was made by someone else", hint="remove it, then run `rfdata up` again"
        )
