"""What several rooms' tests share: whole deployments, an ordinary user, children that may be killed."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import hypothesis
import pytest

from rfdata.init import Wish, init

hypothesis.settings.register_profile("rfdata", deadline=None, database=None, print_blob=True)
hypothesis.settings.load_profile("rfdata")

NOBODY = 65534

Fork = Callable[[Callable[[], object]], int]
Ordinary = Callable[[], AbstractContextManager[None]]
Deploy = Callable[..., Path]


@pytest.fixture
def deploy(tmp_path: Path) -> Deploy:
    """Makes a deployment directory with the usual ports: `deploy()`, `deploy("name", profile="dev")`."""

    def make(name: str = "deployment", **wish: object) -> Path:
        directory = tmp_path / name
        init(directory, Wish(**wish), lambda server, usual: usual)  # type: ignore[arg-type]
        return directory

    return make


@pytest.fixture
def open_place() -> Iterator[Path]:
    """Like tmp_path, but every user may enter it; pytest's own is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="rfdata test ", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def ordinary() -> Ordinary:
    """Acts as somebody whom a file's mode holds: ourselves, or as root nobody in particular."""

    @contextmanager
    def act() -> Iterator[None]:
        root = os.geteuid() == 0
        if root:
            os.setegid(NOBODY)
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            if root:
                os.seteuid(0)
                os.setegid(0)

    return act


@pytest.fixture
def fork() -> Iterator[Fork]:
    """Runs a function in a child of its own and returns its process id; none outlives the test."""
    children: list[int] = []

    def start(work: Callable[[], object]) -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pytest-xdist has a thread
            pid = os.fork()
        if pid == 0:
            code = 1
            try:
                work()
                code = 0
            except BaseException:  # noqa: BLE001 - a child must never come back into pytest
                traceback.print_exc()
            finally:
                os._exit(code)
        children.append(pid)
        return pid

    yield start
    for pid in children:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
