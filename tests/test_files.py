"""The one writer of files: whole or not at all, closed from the first byte, whatever happens to us."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from time import monotonic, sleep
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfdata import files
from rfdata.errors import UsageError
from rfdata.files import Owner
from rfdata.secrets import Secret

Fork = Callable[[Callable[[], object]], int]
Ordinary = Callable[[], AbstractContextManager[None]]

OLD, NEW = b"old " * 20_000, b"new! " * 30_000
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def umask() -> Iterator[Callable[[int], None]]:
    before = os.umask(0o022)

    def choose(mask: int) -> None:
        os.umask(mask)

    yield choose
    os.umask(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.binary())
def test_what_is_written_is_what_is_read(folder: Path, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    files.write(folder / "file", content)
    assert (folder / "file").read_bytes() == data
    if isinstance(content, str):
        files.write(folder / "file", Secret(content))
        assert (folder / "file").read_bytes() == data
    assert [path.name for path in folder.iterdir()] == ["file"]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o755, 0o400])
def test_the_mode_is_the_one_asked_for_whatever_the_umask(
    tmp_path: Path, umask: Callable[[int], None], mask: int, mode: int
) -> None:
    umask(mask)
    path = tmp_path / "file"
    files.write(path, "a", mode=mode)
    assert mode_of(path) == mode
    path.chmod(0o666)
    files.write(path, "b", mode=mode)
    assert (mode_of(path), path.stat().st_size) == (mode, 1)


def test_no_file_is_ever_more_open_or_someone_elses_than_it_will_be(
    tmp_path: Path, umask: Callable[[int], None]
) -> None:
    """Somebody looks all the time, the temporary files included, under umask 0."""
    umask(0)
    wanted = 65534 if os.geteuid() == 0 else os.geteuid()
    stop = threading.Event()
    seen: set[tuple[int, int, bool]] = set()

    def look() -> None:
        while not stop.is_set():
            for entry in os.scandir(tmp_path):
                try:
                    found = entry.stat()
                except FileNotFoundError:
                    continue
                seen.add((stat.S_IMODE(found.st_mode), found.st_uid, found.st_size > 0))

    watcher = threading.Thread(target=look)
    watcher.start()
    for _ in range(40):
        files.write(tmp_path / "key", b"x" * 100_000, mode=0o600, owner=Owner(wanted, -1))
    stop.set()
    watcher.join()
    assert {mode for mode, _, _ in seen} == {0o600}
    assert {uid for _, uid, filled in seen if filled} == {wanted}


def test_a_reader_sees_the_old_or_the_new_never_a_part(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write(path, OLD)
    stop = threading.Event()
    seen: set[bytes] = set()

    def read() -> None:
        while not stop.is_set():
            seen.add(path.read_bytes())

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(60):
        files.write(path, NEW if turn % 2 else OLD)
    stop.set()
    for reader in readers:
        reader.join()
    assert seen <= {OLD, NEW}
    assert seen


def test_whoever_has_the_old_file_open_keeps_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write(path, OLD)
    with path.open("rb") as stream:
        files.write(path, NEW)
        assert stream.read() == OLD
    assert path.read_bytes() == NEW


def test_killed_at_random_moments_a_writer_leaves_the_old_or_the_new(
    tmp_path: Path, fork: Fork
) -> None:
    path = tmp_path / "file"
    files.write(path, OLD)

    def write_for_ever() -> None:
        while True:
            for content in (NEW, OLD):
                files.write(path, content, mode=0o600)

    for _ in range(25):
        pid = fork(write_for_ever)
        sleep(random.uniform(0.001, 0.03))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert path.read_bytes() in (OLD, NEW)
        files.write(path, OLD, mode=0o600)
        assert [each.name for each in tmp_path.iterdir()] == ["file"]


def killed_at(step: int, work: Callable[[], object]) -> Callable[[], None]:
    """Work that is killed at the n-th moment when a function of C (a system call, say) begins or ends."""

    def run() -> None:
        moments = 0

        def at(frame: FrameType, event: str, argument: object) -> None:
            nonlocal moments
            if event in ("c_call", "c_return", "c_exception"):
                moments += 1
                if moments == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(at)
        work()
        sys.setprofile(None)

    return run


def every_kill(fork: Fork, work: Callable[[], object]) -> Iterator[bool]:
    """Whether the child was killed, at the first moment, the second, … until one gets to the end."""
    step, killed = 0, True
    while killed:
        step += 1
        _, status = os.waitpid(fork(killed_at(step, work)), 0)
        killed = os.WIFSIGNALED(status)
        assert killed or os.waitstatus_to_exitcode(status) == 0
        yield killed
    assert step > 10


def test_killed_at_every_single_step_a_write_is_whole_or_not_at_all(
    tmp_path: Path, fork: Fork
) -> None:
    path = tmp_path / "file"
    seen = set()
    files.write(path, b"old", mode=0o640)
    for killed in every_kill(fork, lambda: files.write(path, b"new", mode=0o600)):
        found = (path.read_bytes(), mode_of(path))
        assert found in ((b"old", 0o640), (b"new", 0o600))
        assert killed or found[0] == b"new"
        seen.add(found[0])
        files.write(path, b"old", mode=0o640)
        assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert seen == {b"old", b"new"}


def test_killed_at_every_single_step_a_new_file_is_whole_or_absent(
    tmp_path: Path, fork: Fork
) -> None:
    path = tmp_path / "file"
    for killed in every_kill(fork, lambda: files.write(path, b"new", mode=0o600)):
        assert not path.exists() or path.read_bytes() == b"new"
        assert killed or path.exists()
        path.unlink(missing_ok=True)


def test_killed_at_every_single_step_a_link_points_to_the_old_or_the_new(
    tmp_path: Path, fork: Fork
) -> None:
    link = tmp_path / "current"
    files.point(link, Path("old"))
    for killed in every_kill(fork, lambda: files.point(link, Path("new"))):
        assert link.readlink() in ({Path("old"), Path("new")} if killed else {Path("new")})
        files.point(link, Path("old"))
        assert [each.name for each in tmp_path.iterdir()] == ["current"]


def test_killed_at_every_single_step_appended_bytes_follow_the_old_ones(
    tmp_path: Path, fork: Fork
) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"old")
    for killed in every_kill(fork, lambda: files.append(path, b"more")):
        found = path.read_bytes()
        assert found in ((b"old", b"oldmore") if killed else (b"oldmore",))
        path.write_bytes(b"old")


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, tuple[str, ...]]]:
    """Each fsync as it really happened: what was synced, its size then, and the names beside it."""
    seen: list[tuple[str, int, tuple[str, ...]]] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        folder = path if path.is_dir() else path.parent
        names = tuple(sorted(each.name for each in folder.iterdir()))
        seen.append((path.name, os.fstat(descriptor).st_size if path.is_file() else -1, names))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return seen


def test_a_write_is_on_the_disk_before_it_takes_the_name_and_the_name_before_we_go_on(
    tmp_path: Path, synced: list[tuple[str, int, tuple[str, ...]]]
) -> None:
    files.write(tmp_path / "file", b"12345")
    temporary = ".file.rfdata-new"
    assert synced == [(temporary, 5, (temporary,)), (tmp_path.name, -1, ("file",))]


def test_appended_bytes_are_on_the_disk_before_we_go_on_and_a_new_files_name_too(
    tmp_path: Path, synced: list[tuple[str, int, tuple[str, ...]]]
) -> None:
    files.append(tmp_path / "log", b"123", mode=0o600)
    files.append(tmp_path / "log", b"45")
    assert synced == [("log", 3, ("log",)), (tmp_path.name, -1, ("log",)), ("log", 5, ("log",))]
    assert (tmp_path / "log").read_bytes() == b"12345"
    assert mode_of(tmp_path / "log") == 0o600


def test_truncating_renaming_and_pointing_are_durable_too(
    tmp_path: Path, synced: list[tuple[str, int, tuple[str, ...]]]
) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    files.truncate(tmp_path / "a", 2)
    files.rename(tmp_path / "a", tmp_path / "b")
    files.point(tmp_path / "link", Path("b"))
    assert synced == [
        ("a", 2, ("a",)),
        (tmp_path.name, -1, ("b",)),
        (tmp_path.name, -1, ("b", "link")),
    ]
    assert (tmp_path / "link").read_bytes() == b"12"


def test_appends_of_many_writers_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = [bytes([65 + n]) * 5000 + b"\n" for n in range(8)]
    writers = [threading.Thread(target=files.append, args=(path, line)) for line in lines]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(path.read_bytes().splitlines(keepends=True)) == lines


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, ordinary: Ordinary
) -> None:
    path = tmp_path / "file"
    files.write(path, b"old", mode=0o640)
    with pytest.raises(UnicodeEncodeError):
        files.write(path, "\udcff")
    limited = f"""
import resource, signal
from pathlib import Path
from rfdata import files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
files.write(Path({str(path)!r}), b"x" * 5000)
"""
    done = subprocess.run(
        [sys.executable, "-c", limited], capture_output=True, text=True, check=False
    )
    assert "File too large" in done.stderr
    assert (path.read_bytes(), mode_of(path)) == (b"old", 0o640)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_temporary_file_that_someone_planted_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / ".file.rfdata-new").symlink_to(victim)
    files.write(tmp_path / "file", "new")
    assert victim.read_text() == "untouched"
    assert not (tmp_path / "file").is_symlink()


def test_a_link_is_replaced_and_what_it_named_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("theirs")
    (tmp_path / "link").symlink_to("target")
    files.write(tmp_path / "link", "ours")
    assert not (tmp_path / "link").is_symlink()
    assert ((tmp_path / "link").read_text(), (tmp_path / "target").read_text()) == (
        "ours",
        "theirs",
    )


@AS_ROOT
def test_a_file_belongs_to_whom_it_should_and_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write(path, "a", mode=0o640, owner=Owner(65534, 65534))
    found = path.stat()
    assert (found.st_uid, found.st_gid, mode_of(path)) == (65534, 65534, 0o640)
    files.write(path, "b", owner=Owner(-1, 65534))
    assert (path.stat().st_uid, path.stat().st_gid) == (0, 65534)


def test_an_owner_is_named_only_by_root() -> None:
    assert Owner.named(None) == Owner(-1, -1)
    if os.geteuid() == 0:
        assert Owner.named("root") == Owner(0, 0)
        with pytest.raises(UsageError, match="there is no system user 'nobody-by-this-name'"):
            Owner.named("nobody-by-this-name")
    else:
        assert Owner.named("root") == Owner(-1, -1)


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_folders_get_their_mode_and_missing_parents_can_be_entered(
    tmp_path: Path, umask: Callable[[int], None], mask: int
) -> None:
    if mask == 0o777 and os.geteuid() != 0:
        mask = 0o177
    umask(mask)
    files.make_directory(tmp_path / "a" / "b" / "c", mode=0o700)
    umask(0o022)
    modes = {name: mode_of(tmp_path / name) for name in ("a", "a/b", "a/b/c")}
    assert modes == {"a": 0o755, "a/b": 0o755, "a/b/c": 0o700}


def test_a_folder_is_never_more_open_than_it_will_be(
    tmp_path: Path, umask: Callable[[int], None], fork: Fork
) -> None:
    umask(0)
    path = tmp_path / "d"
    for _ in every_kill(fork, lambda: files.make_directory(path, mode=0o700)):
        if path.exists():
            assert mode_of(path) == 0o700
            path.rmdir()


def test_a_folder_that_is_there_keeps_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o755)
    (tmp_path / "d" / "file").write_text("kept")
    files.make_directory(tmp_path / "d", mode=0o750)
    assert mode_of(tmp_path / "d") == 0o750
    assert (tmp_path / "d" / "file").read_text() == "kept"


@AS_ROOT
def test_only_the_folder_itself_is_given_away(tmp_path: Path) -> None:
    files.make_directory(tmp_path / "a" / "b", mode=0o700, owner=Owner(65534, 65534))
    assert ((tmp_path / "a").stat().st_uid, (tmp_path / "a" / "b").stat().st_uid) == (0, 65534)


def test_access_is_set_on_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    files.set_access(tmp_path / "file", mode=0o600, owner=Owner(os.geteuid(), -1))
    assert mode_of(tmp_path / "file") == 0o600


def test_a_link_is_moved_even_where_it_dangles_or_a_name_is_taken(tmp_path: Path) -> None:
    link = tmp_path / "current"
    files.point(link, Path("first"))
    assert link.readlink() == Path("first")
    (tmp_path / ".current.rfdata-new").write_text("left by a killed run")
    files.point(link, Path("second"))
    assert link.readlink() == Path("second")
    assert [path.name for path in tmp_path.iterdir()] == ["current"]


def test_removing_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "inner").symlink_to(tmp_path / "kept")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "plain").touch()
    for name in ("gone", "link", "plain", "never there"):
        files.remove(tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "file"]


def test_copies_get_the_next_free_name_and_the_mode(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    names = []
    for content in (b"1", b"2 \xff", b"3"):
        files.write(path, content, mode=0o600)
        names.append(files.keep_copy(path).name)
    assert names == [".env.bak", ".env.bak2", ".env.bak3"]
    assert [(tmp_path / name).read_bytes() for name in names] == [b"1", b"2 \xff", b"3"]
    assert {mode_of(tmp_path / name) for name in names} == {0o600}
    (tmp_path / ".env.bak2").unlink()
    assert files.keep_copy(path).name == ".env.bak2"
    assert path.read_bytes() == b"3"


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 10
    while not condition():
        assert monotonic() < deadline
        sleep(0.005)


def hold(path: Path, ready: Path) -> Callable[[], None]:
    def work() -> None:
        with files.lock(path, purpose="rfdata up"):
            ready.touch()
            sleep(60)

    return work


def test_a_lock_has_one_holder_and_the_next_is_told_who(tmp_path: Path, fork: Fork) -> None:
    path, ready = tmp_path / ".lock", tmp_path / "ready"
    pid = fork(hold(path, ready))
    wait_for(ready.exists)
    with pytest.raises(UsageError) as raised, files.lock(path, purpose="rfdata down"):
        pass
    assert raised.value.message == f"{tmp_path}: rfdata up (process {pid}) is at work here"
    assert raised.value.hint == "wait until it has ended, then rfdata down again"
    assert mode_of(path) == 0o600


def test_a_lock_is_free_as_soon_as_its_holder_was_killed(tmp_path: Path, fork: Fork) -> None:
    path, ready = tmp_path / ".lock", tmp_path / "ready"
    for _ in range(3):
        ready.unlink(missing_ok=True)
        pid = fork(hold(path, ready))
        wait_for(ready.exists)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with files.lock(path, purpose="rfdata down"):
            assert path.read_text() == f"rfdata down (process {os.getpid()})"


def test_a_lock_is_free_after_its_work_and_after_a_failure(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with pytest.raises(ZeroDivisionError), files.lock(path, purpose="a much longer purpose"):
        raise ZeroDivisionError
    with files.lock(path, purpose="short"):
        assert path.read_text() == f"short (process {os.getpid()})"
        with pytest.raises(UsageError), files.lock(path, purpose="again"):
            pass
        assert path.read_text() == f"short (process {os.getpid()})"
    with files.lock(path, purpose="last"):
        pass


def test_a_lock_file_with_anything_in_it_is_taken(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    path.write_bytes(b"\xff\xfe noise \x00" * 100)
    with files.lock(path, purpose="x"):
        path.write_bytes(b"\xff\xfe")
        with pytest.raises(UsageError, match="is at work here"), files.lock(path, purpose="y"):
            pass
    with files.lock(path, purpose="x"):
        assert path.read_text() == f"x (process {os.getpid()})"


def test_a_program_that_we_start_does_not_inherit_the_lock(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with files.lock(path, purpose="x"):
        outlives = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with files.lock(path, purpose="y"):
            pass
    finally:
        outlives.kill()
        outlives.wait()


def test_one_of_many_that_come_at_once_gets_the_lock(tmp_path: Path, fork: Fork) -> None:
    """Each counts up in a file without any other protection; those that are refused try again."""
    path, counter = tmp_path / ".lock", tmp_path / "counter"
    counter.write_text("0")

    def work() -> None:
        done = 0
        while done < 10:
            try:
                with files.lock(path, purpose="count"):
                    number = int(counter.read_text())
                    sleep(0.0005)
                    counter.write_text(str(number + 1))
                    done += 1
            except UsageError:
                sleep(0.0005)

    children = [fork(work) for _ in range(4)]
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0, 0]
    assert counter.read_text() == "40"
