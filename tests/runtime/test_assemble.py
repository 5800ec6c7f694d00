from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from rfdata.errors import ChangeFailed, ProgramMissing
from rfdata.runtime import manifest
from rfdata.runtime.archives import require_supported_platform
from rfdata.runtime.assemble import HOME, unpack_tar, unpack_wheel
from rfdata.runtime.find import find_postgres
from rfdata.runtime.install import ensure_postgres
from rfdata.shell import Command, run

ASSEMBLE = """
import sys
from pathlib import Path
from rfdata.runtime import find, install
find.DEBIAN_BIN = Path("/nonexistent")
install.ensure_postgres(lambda text: print(text, flush=True), root=Path(sys.argv[1]))
"""


try:
    require_supported_platform()
except ProgramMissing as unsupported:
    pytest.skip(unsupported.message, allow_module_level=True)


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """Whatever this machine has, these tests are about the assembled one."""
    monkeypatch.setattr("rfdata.runtime.find.DEBIAN_BIN", place / "none")
    monkeypatch.setenv("PATH", str(place))


def test_every_user_can_run_it_whatever_our_umask(root: Path) -> None:
    before = os.umask(0o077)
    try:
        found = ensure_postgres(print, root=root)
    finally:
        os.umask(before)
    assert (found.version, found.pgvector, found.origin) == ("16.14", "0.8.5", "assembled")
    for name in sorted(found.tools):
        command = Command((str(found.tool(name)), "--version"), user="nobody", cwd=Path("/"))
        assert "16.14" in run(command).stdout
    modes = {path.stat().st_mode & 0o7777 for path in (root / HOME).rglob("*")}
    assert modes == {0o755, 0o644}


def test_a_damaged_one_is_built_anew(root: Path) -> None:
    ensure_postgres(print, root=root)
    library = root / HOME / manifest.LIB / "postgresql" / "vector.so"
    library.write_bytes(library.read_bytes()[:1000])
    said: list[str] = []
    ensure_postgres(said.append, root=root)
    assert "vector.so is not as it was assembled" in said[0]
    assert library.stat().st_size > 1000
    said.clear()
    ensure_postgres(said.append, root=root)
    assert said == []
    assert sorted(path.name for path in root.iterdir()) == [".lock", "archives", HOME]


def test_killed_half_way_it_is_built_by_the_next_run(root: Path) -> None:
    building = root / f".{HOME}.building"
    process = subprocess.Popen([sys.executable, "-c", ASSEMBLE, str(root)])
    while not (building / manifest.BIN / "postgres").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (root / HOME).exists()
    with pytest.raises(ProgramMissing):
        find_postgres(roots=[root])
    assert ensure_postgres(print, root=root).version == "16.14"
    assert not building.exists()


def test_two_at_once_build_it_once(root: Path) -> None:
    both = [
        subprocess.Popen(
            [sys.executable, "-c", ASSEMBLE, str(root)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("assembling PostgreSQL" in text for text in said) == 1


def anywhere(name: str) -> PurePosixPath:
    return PurePosixPath(name)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../outside"])
def test_a_path_out_of_the_archive_is_refused(name: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with tarfile.open(tmp_path / "evil.tgz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    with zipfile.ZipFile(tmp_path / "evil.whl", "w") as wheel:
        wheel.writestr(name, "")
    with pytest.raises(ChangeFailed, match="not a plain file inside the archive"):
        unpack_tar(tmp_path / "evil.tgz", inside, anywhere)
    with pytest.raises(ChangeFailed, match="not a plain file inside the archive"):
        unpack_wheel(tmp_path / "evil.whl", inside, anywhere)
    assert list(inside.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.tgz", "evil.whl", "inside"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_anything_but_a_plain_file_is_refused(kind: bytes, tmp_path: Path) -> None:
    member = tarfile.TarInfo("package/native/bin/postgres")
    member.type = kind
    member.linkname = "/etc/passwd"
    with tarfile.open(tmp_path / "evil.tgz", "w:gz") as tar:
        tar.addfile(member)
    with pytest.raises(ChangeFailed, match="not a plain file"):
        unpack_tar(tmp_path / "evil.tgz", tmp_path, anywhere)
