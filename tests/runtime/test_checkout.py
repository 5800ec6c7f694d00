"""The way from a fresh clone to `.venv`: locks, bootstrap and what the Makefile promises."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
BOOTSTRAP = ROOT / "scripts" / "bootstrap.py"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_every_package_and_holds_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|--index|--find-links|/(tmp|root|home|opt|work)/", text)
    pinned = re.findall(r"^[\w.-]+==\S+.* \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^\w", text, re.MULTILINE)) > 10


def test_the_locks_agree() -> None:
    run_lock, dev_lock = (
        set(re.findall(r"^([\w.-]+==[^\s;]+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        for path in (ROOT / "requirements" / "run.lock", ROOT / "requirements" / "dev.lock")
    )
    assert run_lock < dev_lock


def test_an_old_python_can_read_bootstrap_and_is_told_what_to_do() -> None:
    ast.parse(BOOTSTRAP.read_text(encoding="utf-8"), feature_version=(3, 7))
    pretend = (
        "import runpy, sys; sys.version_info = (3, 9, 2); "
        f"runpy.run_path({str(BOOTSTRAP)!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", pretend], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "needs Python 3.11 or newer" in done.stderr
    assert "is 3.9.2" in done.stderr


def test_bootstrap_uses_nothing_but_the_standard_library() -> None:
    tree = ast.parse(BOOTSTRAP.read_text(encoding="utf-8"))
    imported = {
        name.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    } | {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= set(sys.stdlib_module_names)


@pytest.mark.slow
def test_killed_in_a_folder_with_spaces_bootstrap_converges(place: Path) -> None:
    checkout = place / "ein Verzeichnis mit ü"
    for name in ("pyproject.toml", "requirements", "scripts"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        checkout.mkdir(exist_ok=True)
        copy(source, checkout / name)
    package = checkout / "src" / "rfdata"
    package.mkdir(parents=True)
    shutil.copy(ROOT / "src" / "rfdata" / "__init__.py", package)
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    python = Path(sys.executable).resolve()
    command = [str(python), str(checkout / "scripts" / "bootstrap.py")]

    process = subprocess.Popen(command, env=environment, start_new_session=True)
    while not (checkout / ".venv" / "bin" / "pip").exists():
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (checkout / ".venv" / "rfdata-stamp.json").exists()

    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert again.stderr.startswith("rfdata: making .venv")
    third = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert third.stderr == third.stdout == ""
    venv_python = checkout / ".venv" / "bin" / "python"
    where = "import psycopg, pydantic, redis, rfdata; print(rfdata.__file__)"
    printed = subprocess.run(
        [str(venv_python), "-c", where], capture_output=True, text=True, check=True, cwd="/"
    )
    assert printed.stdout.strip() == str(package / "__init__.py")
    script = (checkout / ".venv" / "bin" / "rfdata").read_text(encoding="utf-8")
    assert script.startswith("#!/bin/sh")
