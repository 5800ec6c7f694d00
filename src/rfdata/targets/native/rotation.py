"""Keeping logs small: at most so many files of at most so many bytes each."""

from __future__ import annotations

from pathlib import Path

from rfdata import files


def rotate(log: Path, max_size: int, max_files: int) -> bool:
    """Rename a log that has reached `max_size` to NAME.1, the one before to NAME.2, and so on.

    For writers that open their file for every line, as Redis does. Returns whether it was rotated.
    """
    try:
        if log.stat().st_size < max_size:
            return False
    except FileNotFoundError:
        return False
    for number in range(max_files - 1, 0, -1):
        newer = _numbered(log, number - 1)
        if newer.exists():
            files.rename(newer, _numbered(log, number))
    if max_files == 1:
        files.remove(log)
    prune_numbered(log, max_files)
    return True


def prune_numbered(log: Path, max_files: int) -> None:
    """Remove NAME.N beyond what is kept: the number may have been lowered."""
    for old in log.parent.glob(f"{log.name}.*"):
        number = old.name.removeprefix(f"{log.name}.")
        if number.isdigit() and int(number) >= max_files:
            files.remove(old)


def prune(folder: Path, pattern: str, max_files: int) -> tuple[Path, ...]:
    """Of logs whose names carry their time, keep the newest; returns those removed."""
    found = [(path.stat().st_mtime_ns, path.name, path) for path in folder.glob(pattern)]
    removed = tuple(path for _, _, path in sorted(found)[:-max_files])
    for path in removed:
        files.remove(path)
    return removed


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}") if number else log
