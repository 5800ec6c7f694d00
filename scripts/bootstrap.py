"""Make `.venv` ready to run rfdata, from nothing but a Python and pip's own configuration.

Only the standard library, and only syntax that Python 3.7 can parse: an interpreter that is too
old must be able to say so. The second call costs a few milliseconds, because a stamp says what the
environment was made from. The stamp is removed before the first change and written after the last,
so a run that was killed half-way is simply done again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "rfdata-stamp.json"
OLDEST = (3, 11)
PYTHON = getattr(sys, "_base_executable", None) or sys.executable
"""The interpreter itself, also when `.venv/bin/python` is who runs this."""


class CannotBootstrap(Exception):
    """What is missing, and the one command that helps."""


def main(arguments: list) -> int:  # type: ignore[type-arg]
    """`bootstrap.py` prepares what `rfdata` needs to run; with `--dev` also what its tests need."""
    unknown = [argument for argument in arguments if argument != "--dev"]
    if unknown:
        print("usage: bootstrap.py [--dev]", file=sys.stderr)
        return 2
    if sys.version_info[:2] < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        print(
            f"rfdata needs Python 3.11 or newer; {sys.executable} is {found}\n"
            "  install a newer one (Debian, Ubuntu: apt-get install python3 python3-venv)\n"
            "  or name it: make PYTHON=/path/to/python3.11 …",
            file=sys.stderr,
        )
        return 2
    try:
        prepare(dev="--dev" in arguments)
    except CannotBootstrap as error:
        print(error, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


def prepare(dev: bool) -> None:
    """Bring `.venv` to what the lock says; one process at a time, the others wait."""
    if _satisfied(_read_stamp(), dev):
        return
    checkout = os.open(str(ROOT), os.O_RDONLY)
    fcntl.flock(checkout, fcntl.LOCK_EX)
    try:
        stamp = _read_stamp()
        if not _satisfied(stamp, dev):
            _build(stamp, dev)
    finally:
        os.close(checkout)


def wanted(dev: bool) -> dict:  # type: ignore[type-arg]
    """What the environment must have been made from."""
    return {
        "interpreter": [os.path.realpath(PYTHON), sys.version],
        "checkout": str(ROOT),
        "run": _digest(ROOT / "requirements" / "run.lock"),
        "dev": _digest(ROOT / "requirements" / "dev.lock") if dev else None,
        "project": _digest(ROOT / "pyproject.toml"),
    }


def _satisfied(stamp: dict, dev: bool) -> bool:  # type: ignore[type-arg]
    """A development environment also serves for running: `make test` then `make up` is no work."""
    if not (VENV / "bin" / "python").exists():
        return False
    return any(stamp == wanted(each) for each in ((True,) if dev else (False, True)))


def _build(stamp: dict, dev: bool) -> None:  # type: ignore[type-arg]
    goal = wanted(dev or bool(stamp.get("dev")))
    base = ("interpreter", "checkout", "run")
    reusable = all(stamp.get(key) == goal[key] for key in base) and stamp.get("dev") in (
        None,
        goal["dev"],
    )
    if STAMP.exists():
        STAMP.unlink()
    if not (reusable and (VENV / "bin" / "python").exists()):
        _require_ensurepip()
        _say(f"making .venv with Python {sys.version.split()[0]}")
        _run("venv", [PYTHON, "-I", "-m", "venv", "--clear", str(VENV)])
        stamp = {}
    python = str(VENV / "bin" / "python")
    pip = [python, "-I", "-m", "pip", "--no-input", "--disable-pip-version-check", "-q", "install"]
    lock = "dev.lock" if goal["dev"] else "run.lock"
    if stamp.get("run") is None or stamp.get("dev") != goal["dev"]:
        _say(f"installing requirements/{lock}, every file checked against its hash")
        chosen = str(ROOT / "requirements" / lock)
        _run("pip", [*pip, "--no-deps", "--require-hashes", "-r", chosen])
    _run("pip", [*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    unfinished = STAMP.with_suffix(".new")
    unfinished.write_text(json.dumps(goal), encoding="utf-8")
    unfinished.replace(STAMP)


def _require_ensurepip() -> None:
    """Debian and Ubuntu ship Python without ensurepip; as root we install it, else we say how."""
    if _has_ensurepip():
        return
    package = f"python3.{sys.version_info[1]}-venv"
    command = f"apt-get install -y --no-install-recommends {package}"
    if not (os.path.realpath(PYTHON).startswith("/usr/bin/") and _on_path("apt-get")):
        raise CannotBootstrap(
            f"{sys.executable} has no ensurepip, so it can't make a virtual environment\n"
            "  install a complete Python, or name one: make PYTHON=/path/to/python3.11 …"
        )
    if os.geteuid() != 0:
        raise CannotBootstrap(f"Python's venv support is not installed; run: sudo {command}")
    _say(f"installing the Debian package {package}")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if not any(Path("/var/lib/apt/lists").glob("*Packages*")):
        _run("apt-get", ["apt-get", "-qq", "update"], environment)
    _run("apt-get", command.split(), environment)


def _has_ensurepip() -> bool:
    import importlib.util

    return all(importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip"))


def _on_path(program: str) -> bool:
    import shutil

    return shutil.which(program) is not None


def _run(name: str, argv: list, environment: object = None) -> None:  # type: ignore[type-arg]
    """Run quietly; what the program printed is only of interest when it failed."""
    import subprocess

    done = subprocess.run(
        argv,
        env=environment if isinstance(environment, dict) else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=str(ROOT),
        check=False,
    )
    if done.returncode != 0:
        output = done.stdout.decode("utf-8", "replace").strip()
        raise CannotBootstrap(
            f"{output}\n{name} ended with {done.returncode}; mend what it says, then run make again"
        )


def _read_stamp() -> dict:  # type: ignore[type-arg]
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _say(text: str) -> None:
    print(f"rfdata: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
