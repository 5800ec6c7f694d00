"""Folders with evidence in them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from rfdata.evidence import log
from rfdata.model.evidence import Evidence, Kind

Append = Callable[..., Evidence]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "evidence"


@pytest.fixture
def append(folder: Path) -> Append:
    def add(kind: Kind = "applied", **data: object) -> Evidence:
        return log.append(folder, kind, data, by="ada@host", version="0.1.0")

    return add


@pytest.fixture
def plain_user() -> Iterator[Callable[[], AbstractContextManager[Path]]]:
    """Acts as somebody whom the rights of a file hold, in a folder that may not be written."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o555)

    @contextmanager
    def act() -> Iterator[Path]:
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        try:
            yield place
        finally:
            os.seteuid(before)

    yield act
    place.chmod(0o755)
    shutil.rmtree(place)
