from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rfdata.runtime import manifest
from rfdata.runtime.manifest import BIN, CONTROL, LIB, NAME, Manifest

VERSIONS = Manifest("16.14", "0.8.5")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in (BIN / "postgres", LIB / "libpq.so.5", LIB / "postgresql" / "vector.so", CONTROL):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name.name)
    manifest.write(tmp_path, VERSIONS)
    return tmp_path


def test_what_was_written_is_read(home: Path) -> None:
    assert manifest.read(home) == VERSIONS


def grow(home: Path) -> None:
    (home / BIN / "postgres").write_text("another program")


def lose(home: Path) -> None:
    (home / LIB / "postgresql" / "vector.so").unlink()


def lose_folder(home: Path) -> None:
    (home / LIB / "libpq.so.5").unlink()
    (home / LIB / "postgresql" / "vector.so").unlink()
    (home / LIB / "postgresql").rmdir()


def add(home: Path) -> None:
    (home / BIN / "psql").touch()


def never_finish(home: Path) -> None:
    (home / NAME).unlink()


def cut(home: Path) -> None:
    (home / NAME).write_text((home / NAME).read_text()[:100])


def be_something_else(home: Path) -> None:
    (home / NAME).write_text("[]")


def age(home: Path) -> None:
    (home / NAME).write_text((home / NAME).read_text().replace(manifest.SCHEMA, "rfdata/runtime/0"))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (grow, "postgres is not as it was assembled"),
        (lose, "vector.so is not as it was assembled"),
        (lose_folder, "is not as it was assembled"),
        (add, "psql is not as it was assembled"),
        (never_finish, "not assembled to the end"),
        (cut, "manifest can't be read"),
        (be_something_else, "manifest can't be read"),
        (age, "another version of rfdata"),
    ],
)
def test_damage_is_seen(damage: Callable[[Path], None], reason: str, home: Path) -> None:
    damage(home)
    found = manifest.read(home)
    assert isinstance(found, str)
    assert reason in found


def test_home_of_knows_only_assembled_folders(home: Path) -> None:
    assert manifest.home_of(home / BIN) == home
    assert manifest.home_of(Path("/usr/lib/postgresql/16/bin")) is None
    assert manifest.home_of(Path("/bin")) is None
